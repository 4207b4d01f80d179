"""The HTTP endpoint that announces a call, for protocols whose streams can name a call and prove nothing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints

from voiceguard.adapters.store.registrations import Registered
from voiceguard.ingest.fields import MAX_ENTRIES, MAX_VALUE_CHARS, NAME
from voiceguard.server import answers
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.access.principal import PrincipalOf
from voiceguard.server.schemas import Body, Identifier, ServiceOf

router = APIRouter(route_class=CheckedRoute)
Name = Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$")]
Value = Annotated[str, StringConstraints(max_length=MAX_VALUE_CHARS)]


class Announced(Body):
    """A call that will come."""

    call_id: Identifier | None = None
    customer_ref: Identifier | None = None
    consent: Annotated[list[Name], Field(max_length=MAX_ENTRIES)] = []
    metadata: Annotated[dict[Name, Value], Field(max_length=MAX_ENTRIES)] = {}


@router.post("/v1/audiosocket/calls", response_model=answers.Registered, status_code=201)
async def register(body: Announced, service: ServiceOf, who: PrincipalOf, response: Response) -> dict[str, Any]:
    """A UUID that opens this one call, within a minute; whoever knows it can speak as the call."""
    now, life_s = service.now(), service.settings.audiosocket.registration_s
    call = Registered(
        body.call_id, body.customer_ref, frozenset(body.consent), body.metadata, who.terms.tenant, who.digest
    )
    uuid = str(await service.store.registrations.register(call, now=now, life_s=life_s))
    return {"uuid": uuid, "call_id": body.call_id or uuid, "expires_at": now + life_s}
