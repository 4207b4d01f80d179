"""The HTTP endpoints of voices that outlive a call: keep one, list one, look one over, erase one."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from voiceguard.adapters.store.voices import Listing
from voiceguard.events import CallStarted, VoiceAsked, VoiceTaken
from voiceguard.server import answers
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.access.principal import KeptCall, KeptCustomer, PrincipalOf
from voiceguard.server.context import WebContext
from voiceguard.server.problems import Problem
from voiceguard.server.schemas import Body, Reason, ServiceOf

router = APIRouter(route_class=CheckedRoute)


class Suspicion(Body):
    """Why a live caller's voice goes on the watch list."""

    reason: Reason
    expires_days: Annotated[float, Field(gt=0, le=730)] = 180.0
    review_days: Annotated[float, Field(gt=0, le=730)] = 30.0


class Review(Body):
    """For how long an entry stays good."""

    days: Annotated[float, Field(gt=0, le=730)] = 30.0


@router.post("/v1/calls/{call_id}/voiceprint", response_model=answers.Enrolled, status_code=201)
async def enrol(call_id: KeptCall, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """Keep the live caller's voice as the customer's, with the consent that the call carries; 409 with reasons when
    anything speaks against it."""
    taken, started = await ask_voice(service, call_id, "enrol", who.name)
    if started.customer_ref is None:
        raise Problem(409, "no_customer", "This call claims no customer whose voice it could be.")
    assert taken.voice is not None
    voiceprint_id = await service.live.voices.voices.enrol(
        started.customer_ref, taken.voice, call_id=call_id, author=who.name, now=service.now()
    )
    return {
        "voiceprint_id": voiceprint_id, "net_speech_s": round(taken.voice.net_speech_s, 2),
        "windows": taken.voice.windows,
    }


@router.get("/v1/customers/{customer_ref}/voiceprints", response_model=answers.Voiceprints)
async def voiceprints(
    customer_ref: KeptCustomer, service: ServiceOf, who: PrincipalOf, response: Response
) -> dict[str, Any]:
    """Every voiceprint a customer ever had, newest first, without the voice."""
    return who.shown({"voiceprints": await service.live.voices.voices.voiceprint_history(customer_ref)})


@router.delete("/v1/customers/{customer_ref}/voiceprint", status_code=204)
async def forget(
    customer_ref: KeptCustomer, service: ServiceOf, who: PrincipalOf,
    reason: Annotated[Reason, Query()] = "not said",
) -> None:
    """Erase a customer's voice and its key."""
    if not await service.live.voices.voices.forget_voiceprint(
        customer_ref, author=who.name, reason=reason, now=service.now()
    ):
        raise Problem(404, "no_voiceprint", "No voice of this customer is kept.")


@router.post("/v1/calls/{call_id}/watchlist", response_model=answers.ListEntry, status_code=201)
async def put_on_watchlist(call_id: KeptCall, body: Suspicion, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """Put the voice that speaks now on the watch list; every process has it within a minute."""
    try:
        listing = Listing(body.reason, body.expires_days, body.review_days)
    except ValueError as error:
        raise Problem(422, "bad_listing", f"{error}.") from None
    taken, _ = await ask_voice(service, call_id, "watchlist", who.name)
    assert taken.voice is not None
    entry_id = await service.live.voices.voices.list_voice(
        taken.voice, listing, call_id=call_id, author=who.name, now=service.now()
    )
    await service.voices_changed()
    return {"entry_id": entry_id}


@router.get("/v1/watchlist", response_model=answers.Watchlist)
async def watchlist(service: ServiceOf, who: PrincipalOf, response: Response) -> dict[str, Any]:
    """Every entry there ever was, newest first, without the voice."""
    return who.shown({"entries": await service.live.voices.voices.watchlist_history(who.tenant)})


@router.post("/v1/watchlist/{entry_id}/review", response_model=answers.ListEntry)
async def review(entry_id: str, body: Review, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """Keep an entry until the next review; another person than its author has to."""
    now = service.now()
    if not await service.live.voices.voices.review_listed(
        entry_id, author=who.name, days=body.days, now=now, tenant=who.tenant
    ):
        raise Problem(404, "not_reviewable", "No such entry is in force that somebody else put there.")
    await service.voices_changed()
    return {"entry_id": entry_id}


@router.delete("/v1/watchlist/{entry_id}", status_code=204)
async def take_off(
    entry_id: str, service: ServiceOf, who: PrincipalOf,
    reason: Annotated[Reason, Query()] = "not said",
) -> None:
    """Take a voice off the list and erase it."""
    if not await service.live.voices.voices.unlist(
        entry_id, author=who.name, reason=reason, now=service.now(), tenant=who.tenant
    ):
        raise Problem(404, "unknown_entry", "No such entry is on the list.")
    await service.voices_changed()


async def ask_voice(
    service: WebContext, call_id: str, purpose: Literal["enrol", "watchlist"], author: str
) -> tuple[VoiceTaken, CallStarted]:
    """The live caller's voice. Raises Problem when there is none, or when it must not be kept."""
    call = await service.registry.live(call_id)
    try:
        async with asyncio.timeout(service.settings.decision_timeout_s):
            taken = await call.voices.ask(VoiceAsked(purpose, author))
    except TimeoutError:
        raise Problem(503, "too_late", "The voice was not judged in time.") from None
    if taken.refusals:
        # The reasons say what was heard of the caller, so they go to whoever may enrol and nowhere else.
        text = " ".join(reason.text for reason in taken.refusals)
        raise Problem(409, "voice_refused", f"{text} ({', '.join(reason.code for reason in taken.refusals)})")
    return taken, call.started
