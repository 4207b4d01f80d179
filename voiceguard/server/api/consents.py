"""The HTTP endpoints of the consent ledger [contract]: what customers and callers agree to, and what they withdraw."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field, model_validator

from voiceguard.server import answers
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.access.principal import Principal, PrincipalOf
from voiceguard.server.api.notes import take_note
from voiceguard.server.context import WebContext
from voiceguard.server.problems import Problem
from voiceguard.server.schemas import Body, Identifier, Reason, ServiceOf, Short

router = APIRouter(route_class=CheckedRoute)
DAY_S = 86400.0
Purpose = Literal["voice_analysis", "enrol", "link", "transcript"]


class OfSomebody(Body):
    """A purpose, of a customer or of a call."""

    purpose: Purpose
    customer_ref: Identifier | None = None
    call_id: Identifier | None = None

    @model_validator(mode="after")
    def _of_somebody(self) -> OfSomebody:
        if self.customer_ref is None and self.call_id is None:
            raise ValueError("a customer_ref or a call_id is needed")
        return self


class Agreed(OfSomebody):
    """What somebody agrees to, in which words, and for how long."""

    wording: Short
    expires_days: Annotated[float, Field(gt=0, le=3650)] | None = None


class Withdrawn(OfSomebody):
    """What somebody withdraws, or objects to."""

    reason: Reason


@router.get("/v1/consents", response_model=answers.Consents)
async def listed(
    service: ServiceOf, who: PrincipalOf, customer_ref: Identifier | None = None, call_id: Identifier | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Entries of the ledger, newest first."""
    found = await service.store.consents.list(
        customer_ref=customer_ref and who.kept(customer_ref), call_id=call_id and who.kept(call_id), limit=limit
    )
    return who.shown({"consents": [
        entry for entry in found if who.reaches(entry["customer_ref"] or entry["call_id"] or "")
    ]})


@router.post("/v1/consents", response_model=answers.ConsentGiven, status_code=201)
async def give(body: Agreed, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """Record a consent; a live call serves it within a second."""
    now, (source, author) = service.now(), _by(who)
    expires_at = None if body.expires_days is None else now + DAY_S * body.expires_days
    whose = _whose(body, who)
    await _known_call(service, whose["call_id"])
    await take_note(service, "wording", body.wording, whose["call_id"])
    consent_id = await service.store.consents.give(
        body.purpose, source=source, wording=body.wording, author=author, now=now, expires_at=expires_at, **whose
    )
    await service.registry.follow_consents()
    return {"consent_id": consent_id, "expires_at": expires_at}


@router.post("/v1/consents/withdrawals", status_code=204)
async def withdraw(body: Withdrawn, service: ServiceOf, who: PrincipalOf) -> None:
    """Withdraw a purpose, whether it was agreed to before or not: a live call serves it no more within a second, and
    what was kept for it is erased."""
    whose, (source, author) = _whose(body, who), _by(who)
    await _known_call(service, whose["call_id"])
    reason = await take_note(service, "reason", body.reason, whose["call_id"])
    await service.store.consents.withdraw(
        body.purpose, source=source, author=author, reason=reason, now=service.now(), **whose
    )
    await service.registry.follow_consents()


@router.delete("/v1/consents/{consent_id}", status_code=204)
async def withdraw_entry(
    consent_id: str, service: ServiceOf, who: PrincipalOf,
    reason: Annotated[Reason, Query()] = "not said",
) -> None:
    """Withdraw what one entry of the ledger says."""
    entry = await service.store.consents.find(consent_id)
    if entry is None or entry["withdrawn_at"] is not None or not who.reaches(
        entry["customer_ref"] or entry["call_id"] or ""
    ):
        raise Problem(404, "unknown_consent", "No such consent is in force.")
    source, author = _by(who)
    reason = await take_note(service, "reason", reason, entry["call_id"])
    await service.store.consents.withdraw(
        entry["purpose"], source=source, author=author, reason=reason, now=service.now(),
        customer_ref=entry["customer_ref"], call_id=entry["call_id"],
    )
    await service.registry.follow_consents()


async def _known_call(service: WebContext, call_id: str | None) -> None:
    if call_id is not None and await service.store.calls.find(call_id) is None:
        raise Problem(404, "unknown_call", "No such call.")


def _by(who: Principal) -> tuple[str, str]:
    return "desk" if who.is_person else "api", who.name


def _whose(body: OfSomebody, who: Principal) -> dict[str, str | None]:
    """Customer and call under their kept names."""
    return {name: None if (given := getattr(body, name)) is None else who.kept(given)
            for name in ("customer_ref", "call_id")}
