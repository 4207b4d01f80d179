"""What is answered about routes and who uses them."""

from __future__ import annotations

from typing_extensions import TypedDict


class RouteUser(TypedDict):
    """One key, or `people`, `stream`, `anybody`; `fields`: those of answers that it was seen to get."""

    key: str
    calls: int
    last_used_at: float
    fields: list[str]


class UsedRoute(TypedDict):
    """A route; `unused_since` is when it was last used, or when counting began."""

    route: str
    scope: str | None
    roles: list[str]
    calls: int
    last_used_at: float | None
    unused_since: float | None
    users: list[RouteUser]


class UndeclaredCall(TypedDict):
    """Calls of a key to a route that there is not; parts of the path that may be names are `{}`."""

    route: str
    key: str
    calls: int
    last_used_at: float
    fields: list[str]


class Inventory(TypedDict):
    """Every route that exists, and calls to others."""

    counted_since: float | None
    routes: list[UsedRoute]
    undeclared: list[UndeclaredCall]
