"""The HTTP endpoints [contract]: ask for an action, enter its code, answer its handover, redeem its grant."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Collection
from dataclasses import replace
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Header, Query, Response
from pydantic import Field

from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.events import ActionState, Asker, CodeEntered, HandoverAnswered
from voiceguard.events.tenants import DEFAULT, kept_name, tenant_of
from voiceguard.live.call import LiveCall
from voiceguard.live.decisions import LATE
from voiceguard.live.messages import challenge_header
from voiceguard.live.registry import UnknownAction, UnknownCall
from voiceguard.policy.grants import parameters_sha256
from voiceguard.server import answers
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.access.principal import KeptCall, Principal, PrincipalOf
from voiceguard.server.context import WebContext
from voiceguard.server.problems import Problem
from voiceguard.server.quotas import TooManyActions
from voiceguard.server.schemas import Body, Identifier, Reason, ServiceOf, Short

router = APIRouter(route_class=CheckedRoute)


Parameters = Annotated[dict[Short, Annotated[str, Field(max_length=1000)]], Field(max_length=32)]


class AskedAction(Body):
    """What the caller wants."""

    action: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    parameters: Parameters = {}


class NamedCustomer(Body):
    """Whom the caller claims to be; `reason`: why a person corrects an earlier claim."""

    customer_ref: Identifier
    reason: Reason | None = None


class EnteredCode(Body):
    """A one-time code."""

    code: Annotated[str, Field(pattern=r"^[0-9]{4,10}$", repr=False)]


class Answer(Body):
    """A person's word on a handover."""

    verdict: Literal["accept", "confirm", "approve", "refuse"]
    reason: Reason


class SignedGrant(Body):
    """A grant as it was given out, and what is about to be done by it."""

    grant: Annotated[str, Field(max_length=8192, repr=False)]
    parameters: Parameters | None = None
    """Compared with those that the grant was given for; None: whoever redeems it compares them."""


@router.post("/v1/calls/{call_id}/actions", response_model=answers.Decision)
async def ask(
    call_id: KeptCall, body: AskedAction, service: ServiceOf, who: PrincipalOf, response: Response,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> dict[str, Any]:
    """Decide on an action, after the windows already cut are answered.

    A repeated Idempotency-Key gets the first answer again. A person who asks gets no grant: what may be redeemed is
    for the platform, which reads it from the action.
    """
    call = await service.registry.live(call_id)
    check_tier(service, who, body.action)
    digest = hashlib.sha256(orjson.dumps(body.model_dump(), option=orjson.OPT_SORT_KEYS)).hexdigest()
    key = who.name, who.is_person, idempotency_key or secrets.token_hex(16)
    try:
        if key not in call.answers:
            call.check_action_limit()
            service.actions.ask(who.name, tenant_of(call_id), asyncio.get_running_loop().time())
            call.answers[key] = digest, asyncio.create_task(_ask(service, call, body, who))
        asked, answer = call.answers[key]
        if asked != digest:
            raise Problem(422, "idempotency_key_reused", "This Idempotency-Key was used with another body.")
        return _answered(await asyncio.shield(answer), response, who)
    except TooManyActions as error:
        again = {"Retry-After": str(error.retry_s)}
        raise Problem(429, error.code, f"{str(error).capitalize()}.", again) from None
    except PeerError as error:
        raise Problem(429, error.code, f"{error}.") from None


@router.post("/v1/calls/{call_id}/customer", response_model=answers.NamedCustomer)
async def name_customer(
    call_id: KeptCall, body: NamedCustomer, service: ServiceOf, who: PrincipalOf
) -> dict[str, Any]:
    """Say whom the caller claims to be, where the platform learned it after the stream began; once a call.

    A customer whom nobody knows is answered 404, and the call stays as it was. A signed-in person may correct an
    earlier claim, with a `reason`: open actions are denied, grants are dead. Other actions that were asked for before
    stay as they were decided.
    """
    call = await service.registry.live(call_id)
    customer_ref = kept_name(tenant_of(call_id), body.customer_ref)
    before, by = call.started.customer_ref, None
    if who.is_person:
        if before not in (None, customer_ref) and body.reason is None:
            raise Problem(422, "reason_needed", "Whoever corrects the customer says why.")
        by = {"person": who.human, "reason": body.reason or ""}
    elif before not in (None, customer_ref):
        raise Problem(409, "customer_named", "This call claims another customer: only a person may correct it.")
    if await service.store.customers.find(customer_ref) is None:
        raise Problem(404, "unknown_customer", "No such customer: is the reference right?")
    known, refused = await service.registry.known_voices(replace(call.started, customer_ref=customer_ref))
    try:
        call.name_customer(customer_ref, known, refused, by)
    except PeerError as error:
        raise Problem(409, error.code, f"{str(error).capitalize()}.") from None
    await call.recorder.flush()
    await service.registry.agree_anew(call)
    return who.shown({"call_id": call_id, "customer_ref": customer_ref})


@router.get("/v1/actions/{action_id}", response_model=answers.Decision)
async def action(action_id: str, service: ServiceOf, who: PrincipalOf, response: Response) -> dict[str, Any]:
    """The latest decision on an action of a live call, for platforms whose stream cannot carry it."""
    call = service.registry.holding(action_id, who.tenant)
    check_tier(service, who, call.requested[action_id].action)
    told = call.decisions.told
    if action_id not in told:
        raise UnknownAction("This action is not decided yet.")
    return _answered(told[action_id], response, who)


@router.post("/v1/actions/{action_id}/otp", response_model=answers.Decision)
async def enter_code(
    action_id: str, body: EnteredCode, service: ServiceOf, who: PrincipalOf, response: Response
) -> dict[str, Any]:
    """Try a one-time code."""
    call = _awaiting(service, who, action_id, (ActionState.CHALLENGED,), "No code is awaited for this action.")
    decision = call.decisions.next(action_id)
    call.receive(CodeEntered(action_id, body.code))
    return _answered(await _decision(service, call, action_id, decision), response, who)


@router.post("/v1/actions/{action_id}/handover", response_model=answers.Decision)
async def answer_handover(
    action_id: str, body: Answer, service: ServiceOf, who: PrincipalOf, response: Response
) -> dict[str, Any]:
    """A person accepts, approves or refuses a handed-over action, or confirms what an assistant prepared, with a
    reason; each person is a key of its own. Who asked for an action, or confirmed it, does not approve it."""
    waiting = (ActionState.HANDED_OVER, ActionState.PREPARED)
    call = _awaiting(service, who, action_id, waiting, "No person's answer is awaited for this action.")
    role = "supervisor" if who.is_supervisor else "agent"
    decision = call.decisions.next(action_id)
    try:
        call.answer(
            HandoverAnswered(action_id, who.human, role, body.verdict, body.reason), is_person=who.is_person
        )
    except PeerError as error:
        raise Problem(409, error.code, f"{str(error).capitalize()}.") from None
    return _answered(await _decision(service, call, action_id, decision), response, who)


@router.post("/v1/grants/redeem", response_model=answers.Redeemed)
async def redeem(body: SignedGrant, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """Spend a grant: the claims that the caller of this endpoint may now act on, once.

    Other parameters than it was given for do not spend it. It is dead once its customer is locked out or erased, or
    the risk of its call has turned high.
    """
    try:
        claims = service.keys.verify_grant(body.grant, service.now())
    except AuthenticationError as error:
        raise Problem(400, "grant_invalid", "This grant is not ours, was changed, or has expired.") from error
    if claims.get("tenant", DEFAULT) != who.tenant:
        raise Problem(404, "unknown_grant", "No such grant.")
    check_tier(service, who, claims["action"])
    if body.parameters is not None and parameters_sha256(body.parameters) != claims["parameters_sha256"]:
        raise Problem(409, "other_parameters", "This grant was given for other parameters.")
    call = service.registry.calls.get(who.kept(claims["call_id"]))
    if (call is not None and claims["jti"] in call.grants.dead) or not await service.store.decisions.redeem_grant(
        claims["jti"], service.now(), who.kept(claims["sub"])
    ):
        raise Problem(409, "grant_spent", "This grant was redeemed before, was revoked, or was never recorded.")
    return {"redeemed": True, "claims": dict(claims)}


@router.get("/v1/calls", response_model=answers.Calls)
async def calls(
    service: ServiceOf, who: PrincipalOf, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:
    """Recorded calls, newest first."""
    return who.shown({"calls": await service.store.calls.list(limit, who.tenant)})


@router.get("/v1/calls/{call_id}", response_model=answers.Call)
async def call(call_id: KeptCall, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """One call, with its present risk and decisions while this process holds it."""
    recorded = await service.store.calls.find(call_id)
    if recorded is None:
        raise UnknownCall("No such call.")
    view = service.live.hub.calls.get(call_id)
    return who.shown({
        **recorded, "live": call_id in service.registry.calls, "risk": None if view is None else view.risk,
    })


@router.get("/v1/calls/{call_id}/receipts", response_model=answers.Receipts)
async def receipts(call_id: KeptCall, service: ServiceOf, who: PrincipalOf) -> dict[str, Any]:
    """A receipt for every decision of one call."""
    if await service.store.calls.find(call_id) is None:
        raise UnknownCall("No such call.")
    return who.shown({"receipts": await service.store.calls.receipts(call_id)})


async def _ask(service: WebContext, call: LiveCall, body: AskedAction, by: Principal) -> dict[str, Any]:
    action_id = secrets.token_hex(16)
    if by.is_person:
        call.recorder.add("asked_by_person", {"action_id": action_id, "action": body.action, "person": by.name})
    decision = call.decisions.next(action_id)
    asking = call.request(action_id, body.action, body.parameters, Asker(by.kind, by.human))
    return await _decision(service, call, action_id, decision, asking)


async def _decision(
    service: WebContext, call: LiveCall, action_id: str, decision: asyncio.Future[dict[str, Any]],
    asking: Awaitable[None] | None = None,
) -> dict[str, Any]:
    """The recorded decision; a person decides when none comes in time, of which `asking` is a part."""
    try:
        async with asyncio.timeout(service.settings.decision_timeout_s):
            if asking is not None:
                await asking
            return await asyncio.shield(decision)
    except TimeoutError:
        return call.overrule(action_id, LATE)
    except asyncio.CancelledError:
        if not decision.cancelled():
            raise
        raise Problem(409, "call_over", "The call ended before a decision.") from None


def check_tier(service: WebContext, who: Principal, action: str) -> None:
    """Raises Problem where neither key nor role opens the tier of this action."""
    tier = service.live.rules.actions.get(action, "unknown")
    if not who.may_act(tier, service.settings.desk.actions):
        raise Problem(403, "action_forbidden", f"Actions of the tier {tier} are not for this key or role.")


def _answered(decision: dict[str, Any], response: Response, who: Principal) -> dict[str, Any]:
    """The decision as this asker may see it: a grant goes to machines alone, never to a person's browser, nor to a
    person's own key."""
    if decision.get("challenge"):
        # RFC 9110 section 11.6.1 lets any answer say that credentials would change it.
        response.headers["WWW-Authenticate"] = challenge_header(decision["challenge"]["acr"])
    hidden = ("type", "grant") if who.kind != "machine" or who.terms.owner is not None else ("type",)
    return who.shown({key: value for key, value in decision.items() if key not in hidden})


def _awaiting(
    service: WebContext, who: Principal, action_id: str, states: Collection[ActionState], otherwise: str
) -> LiveCall:
    call = service.registry.holding(action_id, who.tenant)
    check_tier(service, who, call.requested[action_id].action)
    if action_id not in call.decisions.decided:
        raise UnknownAction("This action is not decided yet.")
    if call.decisions.decided[action_id].state not in states:
        raise Problem(409, "not_awaited", otherwise)
    return call
