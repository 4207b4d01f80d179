"""Endpoints for whoever runs the service: is it up, is it ready, its metrics, its public keys."""

from __future__ import annotations

import asyncio
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from voiceguard.adapters.store import StoreError
from voiceguard.live.metrics import merged
from voiceguard.server.access.authenticate import recognise
from voiceguard.server.access.rules import ROUTES, may
from voiceguard.server.context import WebContext
from voiceguard.server.problems import Problem

METRICS = "metrics"
"""The question to another worker: your metrics."""
NEIGHBOUR_S = 2.0
"""Time that another worker has to tell its metrics; without an answer they are left out."""


async def healthz() -> dict[str, Any]:
    """The process answers."""
    return {"status": "ok"}


async def readyz(request: Request) -> dict[str, Any]:
    """The store answers and can be written to, the jobs of this process run, and there is room for a call; 503
    otherwise. Why, and how many calls there are under which policy, learns whoever may read the metrics."""
    service: WebContext = request.app.state.service
    fault = await _fault(service)
    is_told = await _may_read_metrics(request)
    if fault is not None:
        raise fault if is_told else Problem(503, "not_ready", "The service is not ready.")
    if not is_told:
        return {"status": "ready"}
    return {"status": "ready", "calls": len(service.registry.calls), "policy": service.live.policy}


async def _fault(service: WebContext) -> Problem | None:
    """Why the service is not ready."""
    if service.jobs.is_store_failing:
        return Problem(503, "store_unavailable", "The store cannot be written to.")
    try:
        await service.store.calls.list(1)
    except StoreError:
        return Problem(503, "store_unavailable", "The store cannot be read.")
    if late := service.jobs.late():
        return Problem(503, "jobs_late", f"These jobs have not run for too long: {', '.join(late)}.")
    if service.registry.is_full:
        return Problem(503, "full", "No more calls can be taken now.")
    return None


async def _may_read_metrics(request: Request) -> bool:
    try:
        who = await recognise(request)
    except StoreError:
        return False
    return who is not None and may(ROUTES["GET", "/metrics"], who.scopes, who.roles)


async def metrics(request: Request) -> Response:
    """Prometheus text format: of every worker on this machine, each under its name as a label, where there are more."""
    service: WebContext = request.app.state.service
    bus, cluster = service.live.bus, service.registry.cluster
    text = await own_metrics(service)
    if cluster is not None:
        texts = {bus.worker: text}
        asked = {worker: bus.ask(worker, METRICS, None, NEIGHBOUR_S) for worker in cluster.neighbours()}
        answers = await asyncio.gather(*asked.values(), return_exceptions=True)
        texts |= {worker: answer for worker, answer in zip(asked, answers, strict=True) if isinstance(answer, str)}
        text = merged(texts)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


async def own_metrics(service: WebContext, _: Any = None) -> str:
    """The metrics of this worker alone."""
    for quantity, index in service.live.drift.index().items():
        service.metrics.drift.labels(quantity).set(index)
    service.metrics.bus_up.set(service.live.bus.is_up)
    service.metrics.bus_dropped.set(service.live.bus.dropped)
    return service.metrics.text()


async def jwks(request: Request, response: Response) -> dict[str, Any]:
    """The public keys that verify grants (RFC 7517)."""
    service: WebContext = request.app.state.service
    response.headers["Cache-Control"] = "public, max-age=300"
    return service.keys.jwks(service.now())
