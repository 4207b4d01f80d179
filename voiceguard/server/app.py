"""The composition root: settings in, the whole service out."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from fastapi import Depends, FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voiceguard.adapters.delivery.otp import ConsoleDelivery, NoDelivery, WebhookDelivery
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.models.detectors import Detectors, load_detectors
from voiceguard.adapters.models.scheduler import Scheduler, SchedulerOptions
from voiceguard.adapters.oidc import Provider
from voiceguard.adapters.policy_files import read_policy
from voiceguard.adapters.store import Store
from voiceguard.call import Call
from voiceguard.errors import ConfigurationError
from voiceguard.events import CallEnded
from voiceguard.live.context import Deliver, Service
from voiceguard.live.voices import VoiceDesk
from voiceguard.measures.drift import Drift
from voiceguard.server import live_socket, problems, streams
from voiceguard.server.access import oidc, sign_in, users
from voiceguard.server.access.authenticate import authorise
from voiceguard.server.access.rules import Role
from voiceguard.server.api import actions, calls, labels, registrations, screen, voices
from voiceguard.server.streams.audiosocket import audiosocket
from voiceguard.settings import Settings

PAGE = Path(__file__).with_name("page")
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""On every HTTP answer."""

MAX_BODY_BYTES = 65536
PROVIDER_TIMEOUT_S = 5.0


def create_app(
    settings: Settings, *, detectors: Detectors | None = None, deliver: Deliver | None = None,
    now: Callable[[], float] = time.time,
) -> FastAPI:
    """The application; the store is opened, and the models start, with its lifespan.

    `detectors`, `deliver` and `now` stand in for the shipped models, the configured delivery and the wall clock.
    Raises ConfigurationError for a policy or a model that cannot be used: a guard that cannot guard must not start.
    """
    if settings.otp_webhook_url is not None and settings.otp_webhook_secret is None:
        raise ConfigurationError("otp_webhook_secret is needed to sign what otp_webhook_url gets")
    policy = read_policy(settings.policy_file)
    shadow = read_policy(settings.shadow_policy_file) if settings.shadow_policy_file else None
    strange = set(settings.oidc.roles.values()) - set(Role)
    if strange:
        raise ConfigurationError(f"oidc.roles names roles that there are not: {', '.join(sorted(strange))}")
    detectors = detectors or load_detectors(settings)
    if any(tier.verify for tier in policy.tiers.values()) and "synthetic_voice_verify" not in detectors.scorers:
        raise ConfigurationError("the policy demands the second detector, and verify_model names none")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            keys = Keys.open(settings.data_dir)
            store = await stack.enter_async_context(Store.open(settings.store_url, cipher=keys.cipher))
            scheduler = await stack.enter_async_context(
                Scheduler(detectors.scorers, SchedulerOptions(deadline_s=settings.score_deadline_s))
            )
            delivery = deliver or _delivery(settings, stack)
            provider = None
            if settings.oidc.issuer:
                client = await stack.enter_async_context(httpx.AsyncClient(timeout=PROVIDER_TIMEOUT_S))
                provider = Provider(settings.oidc, client, now)
            service = app.state.service = Service(
                settings=settings, store=store, scheduler=scheduler, keys=keys,
                deliver=delivery,
                new_call=lambda started, known: Call(
                    started, settings, policy, detectors.specs, detectors.calibrations, os.urandom, known, shadow,
                    detectors.reader,
                ),
                voices=VoiceDesk(store.voices(detectors.versions["speaker"]), settings.linking),
                models=detectors.versions, policy=policy.sha256[:12], rules=policy, now=now,
                drift=Drift(detectors.reference), oidc=provider,
            )
            clocks = [asyncio.create_task(clock) for clock in (
                service.tick(), service.seal(), service.refresh_voices()
            )]
            async with audiosocket(service):
                yield
            for call in list(service.calls.values()):
                await call.close(CallEnded("shutdown"))
            for clock in clocks:
                clock.cancel()
            await asyncio.gather(*clocks, return_exceptions=True)
            await service.checkpoint()

    app = FastAPI(
        title="voiceguard", lifespan=lifespan, dependencies=[Depends(authorise)],
        # The interactive pages load their scripts from elsewhere, which the page's policy forbids.
        docs_url=None, redoc_url=None, openapi_url=None,
    )
    problems.install(app)
    app.add_exception_handler(Exception, _fault)
    app.include_router(actions.router)
    app.include_router(voices.router)
    app.include_router(labels.router)
    app.include_router(calls.router)
    app.include_router(sign_in.router)
    app.include_router(oidc.router)
    app.include_router(users.router)
    app.include_router(registrations.router)
    app.include_router(screen.router)
    app.state.reader = detectors.reader
    for path, door in streams.ROUTES.items():
        app.add_api_websocket_route(path, door)
    app.add_api_websocket_route("/v1/live", live_socket.follow)
    app.add_api_route("/healthz", _healthz)
    app.add_api_route("/readyz", _readyz)
    app.add_api_route("/metrics", _metrics)
    app.add_api_route("/.well-known/jwks.json", _jwks)
    app.mount("/console", StaticFiles(directory=PAGE, html=True), name="console")
    app.add_middleware(_guarded)
    return app


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the application: frames no larger than the codecs take, no compression of audio."""
    return uvicorn.Config(
        app, host=settings.host, port=settings.port, ws="websockets-sansio", log_level="warning", server_header=False,
        ws_max_size=2 * max(settings.ingest.max_text_bytes, settings.ingest.max_binary_bytes),
        ws_per_message_deflate=False, timeout_graceful_shutdown=5,
    )


def _delivery(settings: Settings, stack: AsyncExitStack) -> Deliver:
    if settings.otp_console:
        return ConsoleDelivery(print)
    if settings.otp_webhook_url is None:
        return NoDelivery()
    assert settings.otp_webhook_secret is not None
    webhook = WebhookDelivery(settings.otp_webhook_url, settings.otp_webhook_secret.get_secret_value())
    stack.push_async_callback(webhook.aclose)
    return webhook


async def _healthz() -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok"})


async def _readyz(request: Request) -> Response:
    """The store answers, and there is room for a call; 503 otherwise."""
    service: Service = request.app.state.service
    await service.store.calls(1)
    if len(service.calls) >= service.settings.max_calls:
        raise problems.Problem(503, "full", "No more calls can be taken now.")
    return JSONResponse({"status": "ready", "calls": len(service.calls), "policy": service.policy})


async def _metrics(request: Request) -> Response:
    """Prometheus text format."""
    service: Service = request.app.state.service
    for quantity, index in service.drift.index().items():
        service.metrics.drift.labels(quantity).set(index)
    return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def _jwks(request: Request) -> Response:
    """The public keys that verify grants (RFC 7517)."""
    service: Service = request.app.state.service
    return JSONResponse(service.keys.jwks(), headers={"Cache-Control": "public, max-age=300"})


async def _fault(_: Request, __: Exception) -> Response:
    """What nobody foresaw. Starlette sends this answer from outside of every middleware, so it brings its headers."""
    return problems.problem_response(500, "internal_error", "The service has a fault, which it has logged.", HEADERS)


def _guarded(app: ASGIApp) -> ASGIApp:
    """Security headers on every answer, and no body read that is too large or of unknown length."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if scope["path"].startswith("/console"):  # its files keep their names from one version to the next
                    headers["Cache-Control"] = "no-cache"
            await send(message)

        refusal = _refuse_body(scope)
        await (refusal or app)(scope, receive, send_with_headers)

    return guarded


def _refuse_body(scope: Scope) -> Response | None:
    headers = Headers(scope=scope)
    if "transfer-encoding" in headers:
        return problems.problem_response(411, "length_required", "Send the body with a Content-Length.")
    if int(headers.get("content-length", "0")) > MAX_BODY_BYTES:
        return problems.problem_response(413, "too_large", f"A body has at most {MAX_BODY_BYTES} bytes.")
    return None
