"""The HTTP endpoints of the agents' desk: what a handover is about, what may be asked for, a look at the voice, and
proposals for the watch list."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Any

from fastapi import APIRouter, Response

from voiceguard.adapters.store.voices import Listing
from voiceguard.live.registry import UnknownAction
from voiceguard.server import answers
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.access.principal import KeptCall, PrincipalOf
from voiceguard.server.api.actions import check_tier
from voiceguard.server.api.notes import take_note
from voiceguard.server.api.spectrogram import described, spectrogram
from voiceguard.server.api.voices import ask_voice
from voiceguard.server.problems import Problem
from voiceguard.server.schemas import Body, Reason, ServiceOf
from voiceguard.text.pii import mask

router = APIRouter(route_class=CheckedRoute)
LINES = 8
"""Of the transcript, the last ones, that go with a handover."""
AMOUNT = re.compile(r"[0-9]{1,7}([.,][0-9]{2})?( ?[A-Z]{3})?")
"""Of money, which no mask may hide from whoever approves it."""


class Proposal(Body):
    """Why a caller's voice should go on the watch list."""

    reason: Reason


@router.get("/v1/policy", response_model=answers.Policy)
async def policy(service: ServiceOf) -> dict[str, Any]:
    """Which actions there are, and what their tiers demand."""
    rules = service.live.rules
    return {
        "version": rules.version, "sha256": rules.sha256[:12], "actions": dict(rules.actions),
        "tiers": {
            name: {"assurance": [sorted(held) for held in tier.assurance], "verify": tier.verify}
            for name, tier in rules.tiers.items()
        },
    }


@router.get("/v1/actions/{action_id}/handover", response_model=answers.Handover)
async def context(action_id: str, service: ServiceOf, principal: PrincipalOf, response: Response) -> dict[str, Any]:
    """What somebody who took a handover needs to decide it, and no more: personal data is masked, and what was shown
    to whom is recorded."""
    call = service.registry.holding(action_id, principal.tenant)
    check_tier(service, principal, call.requested[action_id].action)
    handover = call.handovers.by_action.get(action_id)
    if handover is None:
        raise UnknownAction("No live call has handed this action over.")
    if principal.name not in handover.taken_by:
        raise Problem(409, "not_taken", "Take the handover over first.")
    view, asked = call.view, call.requested[action_id]
    readable = call.consent.may_use("transcript")
    said = [event for event in view.events if event["kind"] == "transcript" and readable][-LINES:]
    shown = {
        "parameters": {
            name: value if "amount" in name and AMOUNT.fullmatch(value) else mask(value)
            for name, value in asked.parameters.items()
        },
        "said": [{name: line[name] for name in ("at_s", "channel", "text")} for line in said],
        "customer_ref": call.started.customer_ref, "customer_known": asked.customer is not None,
        "consent": sorted(call.started.consent),
        "instructions_heard": any(event["kind"] == "flag" for event in view.events),
        "prepared_by": handover.prepared_by,
    }
    call.recorder.add("handover_shown", {
        "action_id": action_id, "person": principal.name, "fields": sorted(shown), "lines": len(said),
    })
    return principal.shown({"action_id": action_id, "call_id": call.started.call_id, **shown})


@router.get("/v1/calls/{call_id}/spectrogram", response_model=answers.Spectrogram)
async def look(call_id: KeptCall, service: ServiceOf, principal: PrincipalOf, response: Response) -> dict[str, Any]:
    """A spectrogram of the caller's last seconds of speech, from the memory in which they lie anyway: base64 of one
    byte a point, band by band. It is recorded who looked, and nothing else is kept."""
    call = await service.registry.live(call_id)
    if not call.consent.may_use("caller_audio"):
        raise Problem(409, "no_consent", "The caller does not agree that the voice is analysed.")
    samples = call.core.heard_lately()
    picture = await asyncio.to_thread(spectrogram, samples)
    if not picture.shape[1]:
        raise Problem(404, "no_speech", "Of this call no speech is in memory.")
    call.recorder.add("spectrogram_shown", {"person": principal.name, "seconds": len(samples) / 8000})
    return {
        **described(samples), "bands": picture.shape[0], "frames": picture.shape[1],
        "levels": base64.b64encode(picture.tobytes()).decode(),
    }


@router.post("/v1/calls/{call_id}/watchlist/proposal", response_model=answers.ListEntry, status_code=201)
async def propose(call_id: KeptCall, body: Proposal, service: ServiceOf, principal: PrincipalOf) -> dict[str, Any]:
    """Propose the voice that speaks now for the watch list: it counts from when somebody else has reviewed it."""
    reason = await take_note(service, "reason", body.reason, call_id)
    taken, _ = await ask_voice(service, call_id, "watchlist", principal.name)
    assert taken.voice is not None
    entry_id = await service.live.voices.voices.list_voice(
        taken.voice, Listing(reason), call_id=call_id, author=principal.name, now=service.now(), proposed=True
    )
    if (call := service.registry.calls.get(call_id)) is not None:
        call.recorder.add("watchlist_proposed", {"entry_id": entry_id, "person": principal.name})
        service.live.hub.note(call_id, "proposal", person=principal.name)
    return {"entry_id": entry_id}
