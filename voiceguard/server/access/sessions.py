"""A person's session: its cookie, when it holds, and what a request must bring beside it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from voiceguard.adapters.store.users import Session
from voiceguard.server.access.password_policy import SessionLimits, csrf_token, is_over, token_digest
from voiceguard.server.access.rules import PEOPLE, Role
from voiceguard.server.context import WebContext

CSRF_HEADER = "x-csrf-token"
SEEN_S = 30.0
"""How exact the time of the last act is: a write for each would cost more than the act."""


@dataclass(frozen=True)
class SignedIn:
    """Somebody's session, which holds now."""

    person: str
    roles: frozenset[Role]
    method: str
    digest: str
    """What is kept of its token."""
    csrf: str
    ends_at: float
    """Unix seconds at which it ends whatever is done."""
    tenant: str | None = None
    """Whose calls the person sees; None: those of all tenants."""


def origin_of(connection: HTTPConnection, web_origin: str | None) -> str:
    """Scheme and host under which people reach this service; `web_origin` is what the settings say, if they do."""
    if web_origin is not None:
        return web_origin
    scheme = {"ws": "http", "wss": "https"}.get(connection.url.scheme, connection.url.scheme)
    return f"{scheme}://{connection.url.netloc}"


def is_own_origin(connection: HTTPConnection, web_origin: str | None) -> bool:
    """Whether a page of this service sent it: browsers name the page's origin on every request that can change
    something, and on every websocket (RFC 6455 section 10.2). Proxies that end TLS change the scheme: hosts count."""
    given = connection.headers.get("origin")
    return given is not None and urlsplit(given).netloc == urlsplit(origin_of(connection, web_origin)).netloc


def cookie_name(origin: str) -> str:
    """With `__Host-` no other host and no plain HTTP can set it (RFC 6265bis section 4.1.3.2)."""
    return "__Host-voiceguard" if origin.startswith("https:") else "voiceguard"


async def open_session(
    service: WebContext, connection: HTTPConnection, response: Response, name: str, method: str
) -> None:
    """Sign somebody in: a new token in the cookie, and its digest in the store."""
    token = secrets.token_urlsafe(32)
    await service.store.users.open_session(name, token_digest(token), method, service.now())
    origin = origin_of(connection, service.settings.web_origin)
    response.set_cookie(
        cookie_name(origin), token, path="/", httponly=True, samesite="strict", secure=origin.startswith("https:"),
        max_age=int(service.settings.desk.session_absolute_s),
    )


async def signed_in(service: WebContext, connection: HTTPConnection) -> SignedIn | None:
    """Who holds the cookie that came with a request; None without one, and when its session is over."""
    name = cookie_name(origin_of(connection, service.settings.web_origin))
    token = connection.cookies.get(name)
    return None if token is None else await _lookup(service, token_digest(token), csrf_token(token))


async def touch(service: WebContext, session: SignedIn) -> None:
    """The person did something, so the time to be idle begins anew."""
    found = await service.store.users.session(session.digest)
    if found is not None and service.now() - found.seen_at >= SEEN_S:
        await service.store.users.touch(session.digest, service.now())


async def close_session(service: WebContext, session: SignedIn, connection: HTTPConnection, response: Response) -> None:
    """Sign somebody out."""
    await service.store.users.close_session(session.digest, service.now())
    origin = origin_of(connection, service.settings.web_origin)
    response.delete_cookie(
        cookie_name(origin), path="/", httponly=True, samesite="strict", secure=origin.startswith("https:")
    )


async def _lookup(service: WebContext, digest: str, csrf: str) -> SignedIn | None:
    found = await service.store.users.session(digest)
    return None if found is None else signed_in_as(service, found, digest, csrf)


def signed_in_as(service: WebContext, found: Session, digest: str, csrf: str) -> SignedIn | None:
    """Who holds a session as the store knows it; None when it is over."""
    desk = service.settings.desk
    limits = SessionLimits(desk.session_idle_s, desk.session_absolute_s)
    if is_over(limits, created_at=found.created_at, seen_at=found.seen_at, now=service.now()):
        return None
    roles = PEOPLE & {Role(role) for role in found.roles}
    ends_at = found.created_at + desk.session_absolute_s
    return SignedIn(found.person, frozenset(roles), found.method, digest, csrf, ends_at, found.tenant)
