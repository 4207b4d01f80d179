"""The HTTP endpoints of subscribers [contract]: who is told of events, and what became of each message."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from voiceguard.adapters.delivery.address import checked_url
from voiceguard.errors import ConfigurationError
from voiceguard.events.tenants import DEFAULT
from voiceguard.server import answers
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.access.principal import Principal, PrincipalOf
from voiceguard.server.context import WebContext
from voiceguard.server.problems import Problem
from voiceguard.server.schemas import Body, ServiceOf, Short

router = APIRouter(route_class=CheckedRoute)


class Subscription(Body):
    """Where to, of what, and how little of it."""

    url: Annotated[str, Field(min_length=1, max_length=2000)]
    events: Annotated[list[Short], Field(min_length=1, max_length=50)]
    fields: Annotated[list[Short], Field(max_length=50)] | None = None


class Again(Body):
    """What is sent again: what was given up, or everything since a time (Unix seconds)."""

    since: float | None = None


@router.get("/v1/webhooks", response_model=answers.Webhooks)
async def listed(service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """Every subscriber that the asker reaches."""
    counts = await service.store.outbox.counts()
    none = dict.fromkeys(("waiting", "delivered", "dead"), 0)
    return {"webhooks": [
        {**webhook, **none, **counts.get(webhook["webhook_id"], {})}
        for webhook in await service.store.webhooks.list(who.tenant)
    ]}


@router.post("/v1/webhooks", response_model=answers.WebhookMade, status_code=201)
async def subscribe(body: Subscription, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """Subscribe; the secret that signs the messages is told once."""
    try:
        url = checked_url(body.url, service.settings.webhooks)
        webhook_id, secret = await service.store.webhooks.add(
            str(url), body.events, tenant=who.tenant or DEFAULT, by=who.name, now=service.now(), fields=body.fields
        )
    except ConfigurationError as error:
        raise Problem(422, "bad_webhook", f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    return {"webhook_id": webhook_id, "secret": secret}


@router.delete("/v1/webhooks/{webhook_id}", status_code=204)
async def unsubscribe(webhook_id: str, service: ServiceOf, who: PrincipalOf) -> None:
    """End a subscription; what was still to be told is told no more."""
    await _known(webhook_id, service, who)
    await service.store.webhooks.remove(webhook_id, by=who.name, now=service.now())


@router.get("/v1/webhooks/{webhook_id}/deliveries", response_model=answers.Deliveries)
async def deliveries(
    webhook_id: str, service: ServiceOf, who: PrincipalOf, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> dict[str, Any]:
    """What the subscriber was told, or is still to be."""
    await _known(webhook_id, service, who)
    return who.shown({"deliveries": await service.store.outbox.deliveries(webhook_id, limit)})


@router.post("/v1/webhooks/{webhook_id}/test", response_model=answers.WebhookTested)
async def test(webhook_id: str, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """Send a `webhook.test` now, once, and say what came of it."""
    await _known(webhook_id, service, who)
    tried = await service.sender.test(webhook_id)
    if tried is None:
        raise _unknown()
    return {"message_id": tried.message.message_id, "state": tried.state, "status": tried.status, "cause": tried.cause}


@router.post("/v1/webhooks/{webhook_id}/replay", response_model=answers.Replayed)
async def replay(webhook_id: str, body: Again, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """Send again, under the same message ids."""
    await _known(webhook_id, service, who)
    return {"count": await service.store.outbox.replay(webhook_id, service.now(), body.since)}


async def _known(webhook_id: str, service: WebContext, who: Principal) -> None:
    if webhook_id not in {webhook["webhook_id"] for webhook in await service.store.webhooks.list(who.tenant)}:
        raise _unknown()


def _unknown() -> Problem:
    return Problem(404, "unknown_webhook", "No such webhook.")
