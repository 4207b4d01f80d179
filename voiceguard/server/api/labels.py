"""The HTTP endpoints of verdicts: a person says what a call turned out to be."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from voiceguard.server import answers
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.access.principal import KeptCall, PrincipalOf
from voiceguard.server.api.notes import take_note
from voiceguard.server.problems import Problem
from voiceguard.server.schemas import Body, ServiceOf

router = APIRouter(route_class=CheckedRoute)


class Found(Body):
    """What the call turned out to be."""

    verdict: Literal["genuine", "fraud"]
    note: Annotated[str, Field(max_length=500)] = ""


@router.post("/v1/calls/{call_id}/verdict", response_model=answers.Verdict, status_code=201)
async def give(call_id: KeptCall, body: Found, service: ServiceOf, principal: PrincipalOf) -> dict[str, Any]:
    """Keep a verdict on a call, live or over; what is personal in the note is masked."""
    at, note = service.now(), await take_note(service, "note", body.note, call_id)
    if not await service.store.labels.add(
        call_id, body.verdict, author=principal.name, note=note, at=at
    ):
        raise Problem(404, "unknown_call", "No such call.")
    service.live.hub.note(call_id, "verdict", verdict=body.verdict, author=principal.name)
    return principal.shown({"call_id": call_id, "verdict": body.verdict, "author": principal.name, "at": at})


@router.get("/v1/verdicts", response_model=answers.Verdicts)
async def listed(
    service: ServiceOf, who: PrincipalOf, response: Response, call_id: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Verdicts, newest first."""
    wanted = None if call_id is None else who.kept(call_id)
    return who.shown({
        "verdicts": await service.store.labels.list(call_id=wanted, limit=limit, tenant=who.tenant)
    })
