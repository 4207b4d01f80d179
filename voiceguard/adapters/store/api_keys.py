"""Machines' keys in the store: made, rotated with a time of grace, revoked, and when they were last used."""

from __future__ import annotations

import builtins
import hashlib
import secrets
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, and_, delete, insert, or_, select, update

from voiceguard.adapters.store.database import Database, StoreError
from voiceguard.adapters.store.tables import api_keys
from voiceguard.adapters.store.users import record_act
from voiceguard.events import tenants

USED_S = 60.0
"""How exact the time of the last use is: a write at every request would cost more than the request."""


@dataclass(frozen=True)
class KeyTerms:
    """What a key is for."""

    tenant: str = tenants.DEFAULT
    """Whose calls and customers it reaches."""
    kind: Literal["machine", "assistant"] = "machine"
    """An assistant is an AI agent: it may ask for information, and prepare anything else for a person."""
    owner: str | None = None
    """The person whose key it is; two keys of one person count as one. None: the key's own name stands for them."""
    actions: frozenset[str] | None = None
    """Tiers of actions that it may ask for; None: all."""
    fields: frozenset[str] | None = None
    """Names of the fields that its answers may hold; None: all."""
    expires_at: float | None = None
    """Unix seconds from which on it opens nothing, its rotated secrets too; None: never."""

    def as_row(self) -> dict[str, Any]:
        """As the table and the record of its making hold them."""
        lists = {
            name: None if words is None else " ".join(sorted(words))
            for name, words in (("actions", self.actions), ("fields", self.fields))
        }
        return {"tenant": self.tenant, "kind": self.kind, "owner": self.owner, "expires_at": self.expires_at, **lists}


ALL = KeyTerms()
"""Of a machine of the default tenant that is not cut down."""


@dataclass(frozen=True)
class Holder:
    """Whose key it is, and what it opens."""

    name: str
    scopes: frozenset[str]
    terms: KeyTerms
    digest: str
    """What is kept of the secret that was shown."""


class ApiKeys:
    """Keeps machines' keys; `Store.api_keys`. Times are Unix seconds; `by` says who did it.

    A key has 256 random bits, so its plain hash can be neither guessed nor timed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, name: str, scopes: Iterable[str], *, by: str, now: float, terms: KeyTerms = ALL
    ) -> str:
        """A new key: the only time that anybody sees it. Raises StoreError when the name is taken."""
        secret, wanted = _new_secret(), sorted(set(scopes))
        async with self._database.write("make an API key") as connection:
            await connection.execute(insert(api_keys).values(
                name=name, secret_sha256=_sha256(secret), scopes=" ".join(wanted), created_at=now,
                **terms.as_row(),
            ))
            row = terms.as_row()
            await record_act(
                connection, now, "key_created", name=name, scopes=wanted, by=by, tenant=terms.tenant,
                key_kind=terms.kind, owner=terms.owner, actions=row["actions"], fields=row["fields"],
                expires_at=terms.expires_at,
            )
        return secret

    async def rotate(self, name: str, *, grace_s: float, by: str, now: float) -> str | None:
        """A new secret for a key; the old one stays good for `grace_s`, and an older one for no longer. None for an
        unknown key."""
        secret = _new_secret()
        async with self._database.write("rotate an API key") as connection:
            changed = await connection.execute(update(api_keys).where(api_keys.c.name == name).values(
                secret_sha256=_sha256(secret), old_sha256=api_keys.c.secret_sha256, old_until=now + grace_s
            ))
            if not changed.rowcount:
                return None
            await record_act(connection, now, "key_rotated", name=name, grace_s=grace_s, by=by)
        return secret

    async def revoke(self, name: str, *, by: str, now: float) -> bool:
        """End a key; False when there is none of this name."""
        async with self._database.write("revoke an API key") as connection:
            revoked = await connection.execute(delete(api_keys).where(api_keys.c.name == name))
            if revoked.rowcount:
                await record_act(connection, now, "key_revoked", name=name, by=by)
        return revoked.rowcount > 0

    async def check(self, secret: str, now: float) -> Holder | None:
        """The key's holder; None for an unknown, revoked or expired key, or one rotated too long ago."""
        digest = _sha256(secret)
        async with self._database.read("check an API key") as connection:
            row = (await connection.execute(select(api_keys).where(_current([digest], now)))).one_or_none()
        if row is None:
            return None
        if row.last_used_at is None or now - row.last_used_at >= USED_S:
            with suppress(StoreError):  # who could not be noted may still pass
                async with self._database.write("note the use of an API key") as connection:
                    await connection.execute(
                        update(api_keys).where(api_keys.c.name == row.name).values(last_used_at=now)
                    )
        return _holder(row, digest)

    async def holders(self, digests: Collection[str], now: float) -> dict[str, Holder]:
        """Of these digests those whose keys are good, with their holders."""
        async with self._database.read("check API keys") as connection:
            rows = (await connection.execute(select(api_keys).where(_current(digests, now)))).all()
        good = {row.secret_sha256: row for row in rows}
        good |= {row.old_sha256: row for row in rows if row.old_until is not None and row.old_until > now}
        return {digest: _holder(good[digest], digest) for digest in digests if digest in good}

    async def list(self, tenant: str | None = None) -> list[dict[str, Any]]:
        """Every key of a tenant, or of all, by name: `name`, `scopes` (sorted), `created_at`, `last_used_at`,
        `old_until`, `expires_at`, `tenant`, `kind`, `owner`, and `actions` and `fields`, which are null where they are
        not cut down.
        """
        query = select(api_keys).order_by(api_keys.c.name)
        if tenant is not None:
            query = query.where(api_keys.c.tenant == tenant)
        async with self._database.read("list API keys") as connection:
            rows = (await connection.execute(query)).all()
        return [{
            "name": row.name, "scopes": row.scopes.split(), "created_at": row.created_at,
            "last_used_at": row.last_used_at, "old_until": row.old_until, "tenant": row.tenant,
            "kind": row.kind, "owner": row.owner, "actions": _words(row.actions), "fields": _words(row.fields),
            "expires_at": row.expires_at,
        } for row in rows]


def _current(digests: Collection[str], now: float) -> ColumnElement[bool]:
    return and_(
        or_(api_keys.c.secret_sha256.in_(digests),
            and_(api_keys.c.old_sha256.in_(digests), api_keys.c.old_until > now)),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now),
    )


def _holder(row: Row[Any], digest: str) -> Holder:
    actions, fields = (None if words is None else frozenset(words.split()) for words in (row.actions, row.fields))
    terms = KeyTerms(row.tenant, row.kind, row.owner, actions, fields, row.expires_at)
    return Holder(row.name, frozenset(row.scopes.split()), terms, digest)


def _words(words: str | None) -> builtins.list[str] | None:
    return None if words is None else words.split()


def _new_secret() -> str:
    return "vg_" + secrets.token_urlsafe(32)


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
