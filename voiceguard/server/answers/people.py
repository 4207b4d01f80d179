"""What is answered about people, keys and the service itself."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict


class Session(TypedDict):
    """Who is signed in; `person` is null for nobody."""

    oidc: bool
    person: str | None
    roles: NotRequired[list[str]]
    csrf: NotRequired[str]
    ends_at: NotRequired[float]
    method: NotRequired[str]


class SignedIn(TypedDict):
    """Who has just signed in."""

    person: str


class SetUpBegun(TypedDict):
    """An authenticator to set up; `qr` is rows of 0 and 1."""

    name: str
    secret: str
    uri: str
    qr: list[str]


class SetUpFinished(TypedDict):
    """The recovery codes, told once."""

    person: str
    recovery_codes: list[str]


class Person(TypedDict):
    """Somebody who may sign in."""

    name: str
    roles: list[str]
    created_at: float
    disabled_at: float | None
    signed_in_at: float | None
    issuer: str | None
    is_set_up: bool
    tenant: str | None


class People(TypedDict):
    """Everybody who may sign in."""

    people: list[Person]


class Key(TypedDict):
    """A machine's key, without its secret."""

    name: str
    scopes: list[str]
    created_at: float | None
    last_used_at: float | None
    old_until: float | None
    expires_at: float | None
    tenant: str
    kind: str
    owner: str | None
    actions: list[str] | None
    fields: list[str] | None


class Keys(TypedDict):
    """Every machine's key."""

    keys: list[Key]


class Health(TypedDict):
    """The process answers."""

    status: str


class Readiness(TypedDict):
    """The service takes calls."""

    status: str
    calls: NotRequired[int]
    policy: NotRequired[str]


class KeySet(TypedDict):
    """The public keys that verify grants (RFC 7517)."""

    keys: list[dict[str, Any]]


class Problem(TypedDict):
    """What went wrong (RFC 9457); `code` is stable."""

    type: str
    title: str
    status: int
    detail: str
    code: str
