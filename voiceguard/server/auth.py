"""The check that every request passes: who asks, and may they; see `voiceguard.server.access`."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from voiceguard.adapters.store import Store
from voiceguard.errors import AuthenticationError
from voiceguard.server.access import NOBODY, ROUTES, may
from voiceguard.server.problems import Problem


@dataclass(frozen=True)
class Principal:
    """Who holds the key that came with a request."""

    name: str
    scopes: frozenset[str]


def bearer(connection: HTTPConnection) -> str | None:
    """The token of `Authorization: Bearer ...` (RFC 6750 section 2.1); None without one."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


async def authenticate(store: Store, secret: str | None, path: str) -> Principal:
    """The key's holder, who may open the websocket of this path.

    Raises AuthenticationError for an unknown key or one without the scope that the path demands.
    """
    principal = await _holder(store, secret) if secret else None
    if principal is None:
        raise AuthenticationError("a valid API key is needed")
    scope = ROUTES["WS", path].scope
    if scope not in principal.scopes:
        raise AuthenticationError(f"this API key lacks the scope {scope}")
    return principal


async def authorise(connection: HTTPConnection) -> None:
    """Dependency of the whole application: lets an HTTP request pass only with the scope that its route demands.

    Leaves the key's holder in `request.state.principal`. Websockets check themselves, in their protocol's own terms.
    """
    if connection.scope["type"] == "websocket":
        return
    rule = ROUTES.get((connection.scope["method"].replace("HEAD", "GET"), connection.scope["route"].path), NOBODY)
    if rule.is_open:
        return
    secret = bearer(connection)
    if secret is None:
        raise Problem(401, "unauthenticated", "An API key is needed.", {"WWW-Authenticate": "Bearer"})
    principal = await _holder(connection.app.state.service.store, secret)
    if principal is None:
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise Problem(401, "unauthenticated", "This API key is not valid.", challenge)
    if not may(rule, principal.scopes, ()):
        challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{rule.scope or ""}"'}
        raise Problem(403, "forbidden", f"This API key lacks the scope {rule.scope}.", challenge)
    connection.state.principal = principal


async def _holder(store: Store, secret: str) -> Principal | None:
    found = await store.check_key(secret)
    return None if found is None else Principal(*found)
