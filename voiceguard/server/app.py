"""The composition root: settings in, the whole service out."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import structlog
import uvicorn
from fastapi import Depends, FastAPI
from sqlalchemy.engine import make_url
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from voiceguard.adapters.audit_seal import audit_seal
from voiceguard.adapters.bus import open_bus, running
from voiceguard.adapters.delivery.otp import ConsoleDelivery, NoDelivery, WebhookDelivery
from voiceguard.adapters.delivery.outbox import Sender
from voiceguard.adapters.folder_claim import claimed
from voiceguard.adapters.keys import LOOK_S as LOOK_AT_KEYS_S
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.logs import described
from voiceguard.adapters.models.detectors import Detectors, load_detectors
from voiceguard.adapters.models.scheduler import Scheduler
from voiceguard.adapters.oidc import Provider
from voiceguard.adapters.packs import demand_policy, under_packs
from voiceguard.adapters.policy_files import read_policy
from voiceguard.adapters.store import Store, StoreError
from voiceguard.adapters.store.voices import Voices
from voiceguard.call import Call
from voiceguard.errors import ConfigurationError
from voiceguard.events import CallEnded, CodeToDeliver
from voiceguard.live.context import LiveContext
from voiceguard.live.gallery import VoiceGallery
from voiceguard.live.jobs import CHECKPOINT, JOBS, Job, Jobs
from voiceguard.live.metrics import Metrics
from voiceguard.live.registry import Registry
from voiceguard.measures.drift import Drift
from voiceguard.policy import Policy, lint
from voiceguard.server import answers, forwarding, health, live_socket, problems, streams
from voiceguard.server.access import oidc, sign_in, users
from voiceguard.server.access.authenticate import authorise
from voiceguard.server.access.fields import with_named_fields
from voiceguard.server.access.rules import Role
from voiceguard.server.api import (
    actions,
    calls,
    consents,
    customers,
    documents,
    inventory,
    labels,
    outcomes,
    registrations,
    screen,
    voices,
    webhooks,
)
from voiceguard.server.connections import LOOK_S, Connections
from voiceguard.server.context import WebContext
from voiceguard.server.draining import draining
from voiceguard.server.forwarding import forward_to_owner
from voiceguard.server.inventory import keep_uses, with_inventory
from voiceguard.server.middleware import HEADERS, guarded_by_limits
from voiceguard.server.openapi import document
from voiceguard.server.port.census import BACKLOG, Census
from voiceguard.server.port.http import BoundedHttp
from voiceguard.server.port.tls import tls_context
from voiceguard.server.port.websocket import BoundedWebSocket
from voiceguard.server.quotas import ActionQuotas
from voiceguard.server.streams.audiosocket import audiosocket
from voiceguard.settings import Settings

PAGE = Path(__file__).with_name("page")
PROVIDER_TIMEOUT_S = 5.0
USES_S = 60.0
"""Between two writes of who used which route."""
CLOSING_S = 3.0
"""For the last records of all calls when the service stops."""
SENDER_S = 3.0
"""Period of the sender of webhooks: its longest turn, twelve seconds, must not make it late."""
OLD_DELIVERIES_S = 3600.0
Deliver = Callable[[CodeToDeliver], Awaitable[None]]
"""Brings a one-time code to the customer; raises VoiceguardError when it cannot."""

log = structlog.get_logger()


def create_app(
    settings: Settings, *, detectors: Detectors | None = None, deliver: Deliver | None = None,
    now: Callable[[], float] = time.time,
) -> FastAPI:
    """The application; the store is opened, and the models start, with its lifespan.

    `detectors`, `deliver` and `now` stand in for the shipped models, the configured delivery and the wall clock.
    Raises ConfigurationError for a policy or a model that cannot be used: a guard that cannot guard must not start.
    """
    _check(settings)
    settings = under_packs(settings)
    policy = _read_policy(settings)
    demand_policy(settings, policy)
    shadow = read_policy(settings.shadow_policy_file) if settings.shadow_policy_file else None
    metrics = Metrics()
    census = Census(settings, lambda reason: metrics.connections_refused.labels(reason).inc())
    metrics.strangers.set_function(lambda: census.strangers)
    detectors = detectors or load_detectors(settings)
    if any(tier.verify for tier in policy.tiers.values()) and "synthetic_voice_verify" not in detectors.scorers:
        raise ConfigurationError("the policy demands the second detector, and verify_model names none")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            keys = Keys.open(settings.data_dir)
            if settings.redis_url is None:  # workers that share a bus claim their calls in the database
                stack.enter_context(claimed(settings.data_dir))
            store = await stack.enter_async_context(Store.open(settings.store_url, cipher=keys.cipher))
            seal = await stack.enter_async_context(audit_seal(settings, store, keys))
            await seal.demand()
            bus = await stack.enter_async_context(open_bus(settings.redis_url, keys.cipher))
            scheduler = await stack.enter_async_context(
                Scheduler(detectors.scorers, deadline_s=settings.score_deadline_s)
            )
            delivery = deliver or _delivery(settings, stack)
            provider = await _provider(settings, stack, now)
            live = LiveContext(
                settings=settings, store=store, scheduler=scheduler, keys=keys, seal=seal, deliver=delivery,
                new_call=lambda started, known, earlier: Call(
                    started, settings, policy, detectors.specs, detectors.calibrations, os.urandom, known, shadow,
                    earlier, detectors.reader, detectors.check,
                ),
                models=detectors.versions, rules=policy, now=now,
                voices=VoiceGallery(Voices(store.database, detectors.versions["speaker"]), settings.linking),
                drift=Drift(detectors.reference), metrics=metrics, bus=bus,
            )
            registry = Registry(live)
            if registry.cluster is not None:
                await stack.enter_async_context(running(registry.cluster.run(), "cluster"))
            connections = Connections()
            revocations = Job("revocations", LOOK_S, "process", lambda _: connections.look(store, now()))
            sender = Sender(store, settings.webhooks, now, count=lambda outcome: metrics.webhooks.labels(outcome).inc())
            stack.push_async_callback(sender.aclose)
            uses = Job("uses of routes", USES_S, "process", lambda _: keep_uses(app))
            stack.push_async_callback(keep_uses, app)
            async with Jobs(registry, (*JOBS, revocations, _new_keys(keys), *_sending(sender), uses)) as jobs:
                context = app.state.service = WebContext(
                    live, registry, jobs, detectors.reader, census, ActionQuotas(settings.limits), sender,
                    oidc=provider, connections=connections,
                )
                bus.on_question(forwarding.HTTP, partial(forwarding.answer, app))
                bus.on_question(health.METRICS, partial(health.own_metrics, context))
                async with draining(registry, settings.drain_s), audiosocket(context):
                    log.info("service started", **_described(settings, live))
                    yield
                await _close_all(registry)
            await jobs.turn(CHECKPOINT)
            with suppress(StoreError):  # others find this worker dead in a few seconds anyway
                await store.workers.forget(bus.worker)
            log.info("service stopped")

    app = FastAPI(
        title="voiceguard", lifespan=lifespan, dependencies=[Depends(authorise), Depends(forward_to_owner)],
        # The interactive pages load their scripts from elsewhere, which the page's policy forbids.
        docs_url=None, redoc_url=None, openapi_url=None,
    )
    app.state.census = census
    _mount(app)
    app.add_middleware(guarded_by_limits, settings=settings)
    return app


def _check(settings: Settings) -> None:
    if settings.otp_webhook_url is not None and settings.otp_webhook_secret is None:
        raise ConfigurationError("otp_webhook_secret is needed to sign what otp_webhook_url gets")
    strange = set(settings.oidc.roles.values()) - set(Role)
    if strange:
        raise ConfigurationError(f"oidc.roles names roles that there are not: {', '.join(sorted(strange))}")


def documented() -> dict[str, Any]:
    """The OpenAPI document of every route; needs no models, settings or store."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _mount(app)
    return document(app.routes)


def _mount(app: FastAPI) -> None:
    """Every route, what errors become, and what each request passes."""
    problems.install(app)
    forwarding.install(app)
    app.add_exception_handler(Exception, _fault)
    for part in (
        actions, voices, labels, calls, sign_in, oidc, users, registrations, screen, consents, customers, webhooks,
        documents, inventory, outcomes,
    ):
        app.include_router(part.router)
    for path, endpoint in streams.ROUTES.items():
        app.add_api_websocket_route(path, endpoint)
    app.add_api_websocket_route("/v1/live", live_socket.follow)
    app.add_api_route("/healthz", health.healthz, response_model=answers.Health)
    app.add_api_route("/readyz", health.readyz, response_model=answers.Readiness)
    app.add_api_route("/metrics", health.metrics, response_class=PlainTextResponse)
    app.add_api_route("/.well-known/jwks.json", health.jwks, response_model=answers.KeySet)
    app.mount("/console", StaticFiles(directory=PAGE, html=True), name="console")
    app.add_middleware(with_named_fields)
    app.add_middleware(with_inventory)


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the application: within limits, frames as large as the codecs take, and audio as it is."""
    census = {"census": app.state.census}
    tls = {"tls": tls_context(settings)}
    return uvicorn.Config(
        app, host=settings.host, port=settings.port, log_level="warning", server_header=False,
        http=type("Http", (BoundedHttp,), census | tls), ws=type("WebSocket", (BoundedWebSocket,), census),
        ws_max_size=2 * max(settings.ingest.max_text_bytes, settings.ingest.max_binary_bytes),
        ws_per_message_deflate=False, timeout_graceful_shutdown=5, backlog=BACKLOG,
        forwarded_allow_ips=list(settings.trusted_proxies),
    )


def _read_policy(settings: Settings) -> Policy:
    """The policy to enforce. Raises ConfigurationError for one in which the check finds errors, unless it is to be."""
    policy = read_policy(settings.policy_file)
    errors = [finding for finding in lint(policy) if finding.level == "error"] if settings.policy_file else []
    if errors and not settings.unsafe_policy:
        raise ConfigurationError(
            f"policy {settings.policy_file}: {errors[0].place}: {errors[0].text} (voiceguard policy check names "
            f"{len(errors)} errors; unsafe_policy starts all the same)"
        )
    return policy


async def _close_all(registry: Registry) -> None:
    """End every call; what is not recorded in time, the next start ends as lost."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSING_S):
            await asyncio.gather(
                *(call.close(CallEnded("shutdown")) for call in registry.calls.values()), return_exceptions=True
            )


def _new_keys(keys: Keys) -> Job:
    """Takes keys that a rotation made."""
    async def look(_: Registry) -> None:
        if keys.look():
            log.info("the keys have changed: new ones are in use")

    return Job("new keys", LOOK_AT_KEYS_S, "process", look)


def _delivery(settings: Settings, stack: AsyncExitStack) -> Deliver:
    if settings.otp_console:
        return ConsoleDelivery(print).deliver
    if settings.otp_webhook_url is None:
        return NoDelivery().deliver
    assert settings.otp_webhook_secret is not None
    webhook = WebhookDelivery(settings.otp_webhook_url, settings.otp_webhook_secret.get_secret_value())
    stack.push_async_callback(webhook.aclose)
    return webhook.deliver


async def _provider(settings: Settings, stack: AsyncExitStack, now: Callable[[], float]) -> Provider | None:
    if not settings.oidc.issuer:
        return None
    client = await stack.enter_async_context(httpx.AsyncClient(timeout=PROVIDER_TIMEOUT_S))
    return Provider(settings.oidc, client, now)


def _sending(sender: Sender) -> tuple[Job, ...]:
    return (
        Job("webhooks", SENDER_S, "cluster", lambda _: sender.turn()),
        Job("old deliveries", OLD_DELIVERIES_S, "cluster", lambda _: sender.forget()),
    )


def _described(settings: Settings, live: LiveContext) -> dict[str, Any]:
    """What an engineer wants to know of a service that starts; the database's password is hidden."""
    return {
        "address": f"{settings.host}:{settings.port}", "data_dir": str(settings.data_dir.resolve()),
        "database": make_url(settings.store_url).render_as_string(hide_password=True),
        "policy": live.policy, "models": dict(live.models), "version": version("voiceguard-callguard"),
    }


async def _fault(request: Request, error: Exception) -> Response:
    """Answer 500. Starlette sends this from outside of every middleware, so it brings its headers."""
    log.error("a request failed", method=request.method, route=problems.route_of(request), **described(error))
    return problems.problem_response(500, "internal_error", "The service has a fault, which it has logged.", HEADERS)
