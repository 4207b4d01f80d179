"""The HTTP endpoint of screening: what a voice bot asks before text reaches its model, or its answer the caller.

Nothing of the text is kept or logged.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from voiceguard.server import answers
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.context import WebContext
from voiceguard.server.problems import Problem
from voiceguard.server.schemas import Body, ServiceOf
from voiceguard.text import guard
from voiceguard.text.pii import marks
from voiceguard.text.reader import Screened, read_text

log = structlog.get_logger()
router = APIRouter(route_class=CheckedRoute)
MAX_TEXT_BYTES = 65536


class Text(Body):
    """One text, on its way in or out."""

    direction: Literal["inbound", "outbound"]
    text: Annotated[str, Field(max_length=MAX_TEXT_BYTES)]
    call_id: Annotated[str, Field(max_length=128)] | None = None
    facts: Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=guard.MAX_FACTS)] = []


@router.post("/v1/screen", response_model=answers.Screened)
async def screen(body: Text, service: ServiceOf) -> dict[str, Any]:
    """The text masked, with what was heard in it, and whether it may go on."""
    if len(body.text.encode("utf-8", "replace")) > MAX_TEXT_BYTES:
        raise Problem(413, "too_large", f"A text has at most {MAX_TEXT_BYTES} bytes.")
    found: Screened = await run_in_threadpool(read_text, service.reader, body.direction, body.text, body.facts)
    _count(service, found)
    return {
        "masked": found.masked, "injection": bool(found.rules), "rules": list(found.rules),
        "actions": list(found.actions), "leaks": list(found.leaks), "allow": found.allow,
    }


def _count(service: WebContext, found: Screened) -> None:
    """What was found, by kind; a leak is an alarm."""
    if found.rules:
        service.metrics.orders.labels("screen").inc()
    for kind in marks(found.masked):
        service.metrics.masked.labels(kind).inc()
    for kind in found.leaks:
        service.metrics.leaks.labels(kind).inc()
    if found.leaks:
        log.warning("a bot was about to say what no fact covers", kinds=found.leaks)
