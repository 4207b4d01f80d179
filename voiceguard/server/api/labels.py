"""The HTTP endpoints of verdicts: a person says what a call turned out to be."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from voiceguard.server import answers
from voiceguard.server.access.authenticate import Principal
from voiceguard.server.problems import Problem
from voiceguard.server.schemas import Body, ServiceOf
from voiceguard.text.pii import mask

router = APIRouter()


class Found(Body):
    """What the call turned out to be."""

    verdict: Literal["genuine", "fraud"]
    note: Annotated[str, Field(max_length=500)] = ""


@router.post("/v1/calls/{call_id}/verdict", response_model=answers.Verdict, status_code=201)
async def give(call_id: str, body: Found, service: ServiceOf, request: Request) -> dict[str, Any]:
    """Keep a verdict on a call, live or over; what is personal in the note is masked."""
    principal: Principal = request.state.principal
    at = service.now()
    if not await service.store.labels.add(
        call_id, body.verdict, author=principal.name, note=mask(body.note), at=at
    ):
        raise Problem(404, "unknown_call", "No such call.")
    service.live.hub.note(call_id, "verdict", verdict=body.verdict, author=principal.name)
    return {"call_id": call_id, "verdict": body.verdict, "author": principal.name, "at": at}


@router.get("/v1/verdicts", response_model=answers.Verdicts)
async def listed(
    service: ServiceOf, response: Response, call_id: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Verdicts, newest first."""
    return {"verdicts": await service.store.labels.list(call_id=call_id, limit=limit)}
