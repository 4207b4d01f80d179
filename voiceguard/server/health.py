"""Endpoints for whoever runs the service: is it up, is it ready, its metrics, its public keys."""

from __future__ import annotations

from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from voiceguard.server.context import WebContext
from voiceguard.server.problems import Problem


async def healthz() -> dict[str, Any]:
    """The process answers."""
    return {"status": "ok"}


async def readyz(request: Request) -> dict[str, Any]:
    """The store answers, the jobs of this process run, and there is room for a call; 503 otherwise."""
    service: WebContext = request.app.state.service
    await service.store.calls.list(1)
    late = service.jobs.late()
    if late:
        raise Problem(503, "jobs_late", f"These jobs have not run for too long: {', '.join(late)}.")
    if service.registry.is_full:
        raise Problem(503, "full", "No more calls can be taken now.")
    return {"status": "ready", "calls": len(service.registry.calls), "policy": service.live.policy}


async def metrics(request: Request) -> Response:
    """Prometheus text format."""
    service: WebContext = request.app.state.service
    for quantity, index in service.live.drift.index().items():
        service.metrics.drift.labels(quantity).set(index)
    return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def jwks(request: Request, response: Response) -> dict[str, Any]:
    """The public keys that verify grants (RFC 7517)."""
    service: WebContext = request.app.state.service
    response.headers["Cache-Control"] = "public, max-age=300"
    return service.keys.jwks()
