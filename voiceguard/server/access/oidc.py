"""The HTTP endpoints of signing in by an identity provider: to it, and back."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson
from cryptography.fernet import InvalidToken
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from voiceguard.adapters.oidc import Flow, Provider, ProviderError, roles_of
from voiceguard.errors import AuthenticationError
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.access.rules import PEOPLE
from voiceguard.server.access.sessions import cookie_name, open_session, origin_of
from voiceguard.server.context import WebContext
from voiceguard.server.problems import Problem
from voiceguard.server.schemas import ServiceOf

router = APIRouter(route_class=CheckedRoute)
CALLBACK: Final = "/v1/oidc/callback"
FLOW_S: Final = 600
"""Seconds that somebody may take at the provider."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
"""What a person's name looks like, here and on the command line."""


@router.get("/v1/oidc/start")
async def start(service: ServiceOf, request: Request) -> Response:
    """Send the browser to the provider; what has to come back is kept in an encrypted cookie."""
    provider = _provider(service)
    origin, flow = origin_of(request, service.settings.web_origin), Flow()
    try:
        url = await provider.authorisation_url(flow, origin + CALLBACK)
    except ProviderError:
        return _back("unavailable")
    response = RedirectResponse(url, 303)
    kept = orjson.dumps([flow.state, flow.nonce, flow.verifier])
    response.set_cookie(
        # Lax, not strict: the browser comes back from the provider's site.
        _flow_cookie(origin), service.keys.cipher.encrypt(kept).decode(), max_age=FLOW_S, path="/", httponly=True,
        samesite="lax", secure=origin.startswith("https:"),
    )
    return response


@router.get(CALLBACK)
async def callback(service: ServiceOf, request: Request) -> Response:
    """Take the provider's word: a session for whoever it knows and gives a role to."""
    provider = _provider(service)
    origin = origin_of(request, service.settings.web_origin)
    try:
        flow = _flow(service, request.cookies.get(_flow_cookie(origin), ""))
        claims = await provider.redeem(dict(request.query_params), flow, origin + CALLBACK)
        name = await _vouched(service, claims)
    except ProviderError:
        return _back("unavailable")
    except AuthenticationError as error:
        service.metrics.provider_refused.inc()
        unrecorded = service.strangers.due("provider_refused", service.now())
        if unrecorded is not None:
            await service.store.users.note(
                "provider_refused", service.now(), why=str(error), unrecorded=unrecorded
            )
        return _back("refused")
    response = _back("")
    await open_session(service, request, response, name, "oidc")
    response.delete_cookie(_flow_cookie(origin), path="/", httponly=True, secure=origin.startswith("https:"))
    return response


async def _vouched(service: WebContext, claims: Any) -> str:
    options = service.settings.oidc
    roles = roles_of(claims, options) & PEOPLE
    name = str(claims.get(options.name_claim) or "").lower()
    if not roles or NAME.fullmatch(name) is None:
        raise AuthenticationError("the provider gives no role here, or no name that can be recorded")
    found = await service.store.users.vouched(
        name, roles, issuer=options.issuer, subject=claims["sub"], now=service.now()
    )
    if found is None:
        raise AuthenticationError("this person is disabled here, or the name is somebody else's")
    return found


def _provider(service: WebContext) -> Provider:
    if service.oidc is None:
        raise Problem(404, "no_provider", "No identity provider is configured.")
    return service.oidc


def _flow_cookie(origin: str) -> str:
    return f"{cookie_name(origin)}-oidc"


def _flow(service: WebContext, cookie: str) -> Flow:
    try:
        return Flow(*orjson.loads(service.keys.cipher.decrypt(cookie.encode(), ttl=FLOW_S)))
    except (InvalidToken, ValueError, TypeError):
        raise AuthenticationError("no sign-in is under way in this browser, or it took too long") from None


def _back(failure: str) -> Response:
    """To the page, which shows why when it did not work. The fragment reaches no server."""
    return RedirectResponse(f"/console/#sign-in-{failure}" if failure else "/console/", 303)
