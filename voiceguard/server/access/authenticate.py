"""The check that every request passes: who asks, and may they; see `voiceguard.server.access`."""

from __future__ import annotations

import asyncio
import binascii
import time
from base64 import b64decode
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from voiceguard.adapters.oidc import ProviderError, roles_of
from voiceguard.adapters.store import Store, StoreError
from voiceguard.errors import AuthenticationError
from voiceguard.server.access.principal import Principal
from voiceguard.server.access.rules import ASSISTANTS, NOBODY, ROUTES, Role, may
from voiceguard.server.access.sessions import CSRF_HEADER, is_own_origin, signed_in, touch
from voiceguard.server.context import WebContext
from voiceguard.server.problems import Problem

CHECK_S = 4.0
"""Longest time for the check of a key."""
SAFE = ("GET", "HEAD")
"""Methods that change nothing."""


def bearer(connection: HTTPConnection) -> str | None:
    """The token of `Authorization: Bearer ...` (RFC 6750 section 2.1); None without one."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def presented(connection: HTTPConnection) -> str | None:
    """The key of a platform that may know no bearer tokens: such a token, or the password of basic authentication
    (RFC 7617), whose user name nobody looks at; None without either."""
    scheme, _, credentials = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return bearer(connection)
    try:
        _, _, password = b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password or None


async def authenticate(store: Store, secret: str | None, path: str) -> Principal:
    """The key's holder, who may open the websocket of this path.

    Raises AuthenticationError for an unknown key or one without the scope that the path demands.
    """
    principal = await _holder(store, secret) if secret else None
    if principal is None:
        raise AuthenticationError("a valid API key is needed")
    rule = ROUTES["WS", path]
    if principal.kind == "assistant":
        raise AuthenticationError("an assistant opens no stream")
    if not may(rule, principal.scopes, ()):
        raise AuthenticationError(f"this API key lacks the scope {rule.scope}")
    return principal


async def authenticate_person(service: WebContext, connection: HTTPConnection, path: str) -> Principal | None:
    """Whoever is signed in and may open the websocket of this path from a page of this service; None for nobody.

    Raises AuthenticationError for somebody who may not.
    """
    session = await signed_in(service, connection)
    if session is None or not is_own_origin(connection, service.settings.web_origin):
        return None
    if not may(ROUTES["WS", path], (), session.roles):
        raise AuthenticationError("this role may not")
    return Principal.of_person(session)


async def authorise(connection: HTTPConnection) -> None:
    """Dependency of the whole application: lets an HTTP request pass only if its route's line names who asks.

    Leaves them in `request.state.principal`. Websockets check themselves, in their protocol's own terms.
    """
    if connection.scope["type"] == "websocket" or getattr(connection.state, "authorised", False):
        return
    method = connection.scope["method"]
    rule = ROUTES.get((method.replace("HEAD", "GET"), connection.scope["route"].path), NOBODY)
    if rule.is_open:
        return
    service: WebContext = connection.app.state.service
    secret = bearer(connection)
    if secret is None:
        principal = await _signed_in(service, connection, method)
        if not may(rule, (), principal.roles):
            raise Problem(403, "forbidden", "Your role does not allow this.")
    else:
        principal = await _bearer_of(service, secret)
        if principal.kind == "assistant" and (method, connection.scope["route"].path) not in ASSISTANTS:
            raise Problem(403, "forbidden", "An assistant may not do this: a person or the platform has to.")
        if not may(rule, principal.scopes, principal.roles):
            challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{rule.scope or ""}"'}
            raise Problem(403, "forbidden", f"This API key lacks the scope {rule.scope}.", challenge)
    connection.state.principal = principal
    connection.state.authorised = True


async def recognise(connection: HTTPConnection) -> Principal | None:
    """Who reads a route that is open to anybody; None for a stranger. Raises StoreError."""
    service: WebContext = connection.app.state.service
    secret = bearer(connection)
    try:
        if secret is not None:
            return await _bearer_of(service, secret)
        return await _signed_in(service, connection, "GET")
    except Problem:
        return None


class CheckedRoute(APIRoute):
    """A route that looks at who asks before it reads the body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own, behind the check."""
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            await authorise(request)
            return await handle(request)

        return checked


async def _signed_in(service: WebContext, connection: HTTPConnection, method: str) -> Principal:
    session = await signed_in(service, connection)
    if session is None:
        raise Problem(401, "unauthenticated", "An API key or a session is needed.", {"WWW-Authenticate": "Bearer"})
    if method not in SAFE:
        if not is_own_origin(connection, service.settings.web_origin) or (
            connection.headers.get(CSRF_HEADER) != session.csrf
        ):
            raise Problem(403, "csrf", "Only this service's own page may ask for this.")
        await touch(service, session)
    return Principal.of_person(session)


async def _bearer_of(service: WebContext, secret: str) -> Principal:
    principal = await _holder(service.store, secret)
    if principal is None and service.oidc is not None and service.settings.oidc.api_audience and secret.count(".") == 2:
        try:
            claims = await service.oidc.verified_bearer(secret)
        except ProviderError:
            late = {"Retry-After": "5"}
            raise Problem(503, "provider_unavailable", "The token cannot be checked now.", late) from None
        except AuthenticationError:
            claims = {}
        if claims and Role.PLATFORM in roles_of(claims, service.settings.oidc):
            principal = Principal(str(claims["sub"]), roles=frozenset({Role.PLATFORM}))
    if principal is None:
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise Problem(401, "unauthenticated", "This API key is not valid.", challenge)
    return principal


async def _holder(store: Store, secret: str) -> Principal | None:
    try:
        async with asyncio.timeout(CHECK_S):
            found = await store.api_keys.check(secret, time.time())
    except TimeoutError:
        raise StoreError("the store could not check an API key in time") from None
    return None if found is None else Principal.of_key(found)
