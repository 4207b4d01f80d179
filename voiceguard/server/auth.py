"""Who may do what: one table from route to scope, and the check that every request passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection

from voiceguard.adapters.store import Store
from voiceguard.errors import AuthenticationError
from voiceguard.server.problems import Problem

PUBLIC: Final = ""
"""Anybody may ask."""
PLATFORM: Final = "platform"
"""The telephony platform proves itself in its own way; see the route's codec."""

SCOPES: Final[dict[tuple[str, str], str]] = {
    ("WS", "/v1/stream/native"): "stream",
    ("WS", "/v1/stream/twilio"): PLATFORM,
    ("WS", "/v1/live"): "live",
    ("POST", "/v1/calls/{call_id}/actions"): "actions",
    ("GET", "/v1/actions/{action_id}"): "actions",
    ("POST", "/v1/actions/{action_id}/otp"): "actions",
    ("POST", "/v1/actions/{action_id}/handover"): "handover",
    ("POST", "/v1/calls/{call_id}/voiceprint"): "enrol",
    ("GET", "/v1/customers/{customer_ref}/voiceprints"): "enrol",
    ("DELETE", "/v1/customers/{customer_ref}/voiceprint"): "enrol",
    ("POST", "/v1/calls/{call_id}/watchlist"): "watchlist",
    ("GET", "/v1/watchlist"): "watchlist",
    ("POST", "/v1/watchlist/{entry_id}/review"): "watchlist",
    ("DELETE", "/v1/watchlist/{entry_id}"): "watchlist",
    ("POST", "/v1/grants/redeem"): "grants",
    ("GET", "/v1/calls"): "calls",
    ("GET", "/v1/calls/{call_id}"): "calls",
    ("GET", "/v1/calls/{call_id}/receipts"): "receipts",
    ("GET", "/metrics"): "metrics",
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/.well-known/jwks.json"): PUBLIC,
    ("GET", "/console"): PUBLIC,
}
"""Every route of the service. A route that is not here is refused, so a forgotten line fails closed."""


@dataclass(frozen=True)
class Principal:
    """Who holds the key that came with a request."""

    name: str
    scopes: frozenset[str]


def bearer(connection: HTTPConnection) -> str | None:
    """The token of `Authorization: Bearer ...` (RFC 6750 section 2.1); None without one."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


async def authenticate(store: Store, secret: str | None, scope: str) -> Principal:
    """The key's holder. Raises AuthenticationError for an unknown key or one without `scope`."""
    principal = await _holder(store, secret) if secret else None
    if principal is None:
        raise AuthenticationError("a valid API key is needed")
    if scope not in principal.scopes:
        raise AuthenticationError(f"this API key lacks the scope {scope}")
    return principal


async def authorise(connection: HTTPConnection) -> None:
    """Dependency of the whole application: lets an HTTP request pass only with the scope that its route demands.

    Leaves the key's holder in `request.state.principal`. Websockets check themselves, in their protocol's own terms.
    """
    if connection.scope["type"] == "websocket":
        return
    scope = SCOPES.get((connection.scope["method"].replace("HEAD", "GET"), connection.scope["route"].path))
    if scope == PUBLIC:
        return
    secret = bearer(connection)
    if secret is None:
        raise Problem(401, "unauthenticated", "An API key is needed.", {"WWW-Authenticate": "Bearer"})
    principal = await _holder(connection.app.state.service.store, secret)
    if principal is None:
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise Problem(401, "unauthenticated", "This API key is not valid.", challenge)
    if scope not in principal.scopes:
        challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        raise Problem(403, "forbidden", f"This API key lacks the scope {scope}.", challenge)
    connection.state.principal = principal


async def _holder(store: Store, secret: str) -> Principal | None:
    found = await store.check_key(secret)
    return None if found is None else Principal(*found)
