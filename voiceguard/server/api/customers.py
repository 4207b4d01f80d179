"""The HTTP endpoints of customers [contract]: whom callers may claim to be, and what proves that they are."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from voiceguard.policy.otp import SECRET
from voiceguard.server import answers
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.access.principal import KeptCustomer, PrincipalOf
from voiceguard.server.context import WebContext
from voiceguard.server.problems import Problem
from voiceguard.server.schemas import Body, Identifier, ServiceOf

router = APIRouter(route_class=CheckedRoute)
MAX_IMPORTED = 1000
Secret = Annotated[str, Field(pattern=f"^{SECRET.pattern}$")]
Why = Annotated[str, Field(min_length=1, max_length=500)]


class NewCustomer(Body):
    """A customer by the platform's own reference; without `totp_secret` codes are delivered."""

    customer_ref: Identifier
    totp_secret: Annotated[Secret | None, Field(repr=False)] = None


class NewCustomers(Body):
    """Customers to make known in one transaction."""

    customers: Annotated[list[NewCustomer], Field(min_length=1, max_length=MAX_IMPORTED)]


class Authenticator(Body):
    """The secret of a customer's authenticator; null: codes are delivered."""

    totp_secret: Annotated[Secret | None, Field(repr=False)]


class Unlocking(Body):
    """Why a lock-out is lifted."""

    reason: Why


@router.get("/v1/customers", response_model=answers.Customers)
async def listed(
    service: ServiceOf, who: PrincipalOf, after: Annotated[str, Query(max_length=128)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Customers by reference; `after`: the last reference of the page before."""
    begin = who.kept(after) if after else ""
    return who.shown({"customers": await service.store.customers.list(
        now=service.now(), tenant=who.tenant, after=begin, limit=limit
    )})


@router.post("/v1/customers", response_model=answers.CustomerDetails, status_code=201)
async def add(body: NewCustomer, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """Make a customer known; 409 for one who is, and who stays as he is."""
    ref = who.kept(body.customer_ref)
    if await service.store.customers.add({ref: body.totp_secret}, by=who.name, now=service.now()):
        raise Problem(409, "customer_known", "This customer is known already, and stays as before.")
    return who.shown(await _one(service, ref))


@router.post("/v1/customers/import", response_model=answers.ImportedCustomers)
async def add_all(body: NewCustomers, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """Make many customers known, all of them or none; those who are known already stay as they are, and are named."""
    secrets = {who.kept(new.customer_ref): new.totp_secret for new in body.customers}
    if len(secrets) < len(body.customers):
        raise Problem(422, "customer_twice", "A customer stands twice in this list.")
    known = await service.store.customers.add(secrets, by=who.name, now=service.now())
    shown = [who.shown({"customer_ref": ref})["customer_ref"] for ref in known]
    return {"added": len(secrets) - len(known), "known": shown}


@router.get("/v1/customers/{customer_ref}", response_model=answers.CustomerDetails)
async def shown(customer_ref: KeptCustomer, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """One customer, without the secret."""
    return who.shown(await _one(service, customer_ref))


@router.put("/v1/customers/{customer_ref}/totp", status_code=204)
async def set_totp(customer_ref: KeptCustomer, body: Authenticator, service: ServiceOf, who: PrincipalOf) -> None:
    """Replace the secret of a customer's authenticator, or take it away; the old one is dead at once."""
    if not await service.store.customers.set_totp(customer_ref, body.totp_secret, by=who.name, now=service.now()):
        raise _unknown()


@router.post("/v1/customers/{customer_ref}/unlock", status_code=204)
async def unlock(customer_ref: KeptCustomer, body: Unlocking, service: ServiceOf, who: PrincipalOf) -> None:
    """Lift a lock-out and forget the wrong codes, on record."""
    if await service.store.customers.unlock(
        customer_ref, author=who.name, reason=body.reason, now=service.now()
    ) is None:
        raise _unknown()


@router.delete("/v1/customers/{customer_ref}", status_code=204)
async def remove(
    customer_ref: KeptCustomer, service: ServiceOf, who: PrincipalOf, reason: Annotated[Why, Query()] = "not said"
) -> None:
    """Make a customer unknown, on record; what records say of the customer stays."""
    if not await service.store.customers.remove(customer_ref, by=who.name, reason=reason, now=service.now()):
        raise _unknown()


async def _one(service: WebContext, ref: str) -> dict[str, Any]:
    found = await service.store.customers.show(ref, now=service.now())
    if found is None:
        raise _unknown()
    return found


def _unknown() -> Problem:
    return Problem(404, "unknown_customer", "No such customer.")
