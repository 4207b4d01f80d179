"""What the engine keeps of each asked action."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from voiceguard.events import ActionDecided, ActionRequested, ActionState, Decision, HandoverAnswered, Reason, Risk
from voiceguard.events.tenants import own_name
from voiceguard.policy.challenges import OpenChallenge
from voiceguard.policy.rules import Tier
from voiceguard.policy.states import Input


@dataclass(frozen=True, slots=True)
class Now:
    """What the call knows at the moment of an input."""

    risk: Risk
    consent: bool
    injection: bool
    now: float


@dataclass(slots=True, repr=False)
class Action:
    """One action that was asked for in a call."""

    event: ActionRequested
    sha256: str
    tier: str
    state: ActionState = ActionState.REQUESTED
    assurance: set[str] = field(default_factory=set)
    approved_by: set[str] = field(default_factory=set)
    approver_roles: set[str] = field(default_factory=set)
    confirmed_by: str | None = None
    """Who confirmed what an assistant prepared."""
    challenge: OpenChallenge | None = None
    """Set while a code is awaited."""
    last: ActionDecided | None = None
    drafted: tuple[Decision, Decision] | None = None
    """What the draft said last, and the policy in force beside it."""

    @property
    def prepared_by(self) -> str | None:
        """The assistant that asked for it, where one did."""
        return self.event.asker.name if self.event.asker.kind == "assistant" else None

    def __repr__(self) -> str:
        return f"Action({self.event.action_id!r}, {self.state})"  # digits and codes are secret


NOBODY: Mapping[str, str] = MappingProxyType({})
ANSWERED: Mapping[str, tuple[Input, ActionState | None, str, Reason]] = MappingProxyType({
    "refuse": (
        Input.REFUSED, ActionState.DENIED, "refused", Reason("refused_by_person", "A person refused it."),
    ),
    "accept": (Input.ACCEPTED, None, "accepted", Reason("accepted_by_person", "A person took it over.")),
})
"""A person's word that settles nothing by a rule: input, state (None: as it was), name of the rule, reason."""
HAS_PREPARED = (Reason("prepared", "An assistant prepared it: a person has to confirm it before it is decided."),)


def one_person(name: str) -> str:
    """What stands for a person, however the name is written."""
    return name.strip().casefold()


def awaits(verdict: str) -> Collection[ActionState]:
    """The states in which such an answer of a person counts."""
    return {
        "approve": (ActionState.HANDED_OVER,), "confirm": (ActionState.PREPARED,),
    }.get(verdict, (ActionState.HANDED_OVER, ActionState.PREPARED))


def approve(action: Action, event: HandoverAnswered, demanded: str | None) -> bool:
    """Count a person's approval, once; False for who asked for the action or confirmed it. `demanded`: the role that
    one of two approvers must have."""
    person = one_person(event.person)
    if person in (one_person(action.event.asker.name), one_person(action.confirmed_by or "")):
        return False
    action.approved_by.add(person)
    action.approver_roles.add(event.role)
    action.assurance.add("human")
    if len(action.approved_by) >= 2 and not lacked_role(action, demanded):
        action.assurance.add("second_human")
    return True


def lacked_role(action: Action, demanded: str | None) -> tuple[Reason, ...]:
    """Why two approvals are not enough; nothing where there are less, or nothing is lacking."""
    if demanded is None or demanded in action.approver_roles or len(action.approved_by) < 2:
        return ()
    return (Reason("approver_role", f"One of two approvers has to be of the role {demanded}."),)


def is_for_people(action: Action, tier: Tier | None) -> bool:
    """Whether people alone could allow it: never for a customer whom nobody knows."""
    return tier is not None and (not tier.sensitive or (action.event.customer is not None and tier.is_for_people))


def wrong_calls(action: Action) -> tuple[Reason, ...]:
    """The calls in which codes of this customer were wrong, where there are any."""
    customer = action.event.customer
    if customer is None or not customer.wrong_in:
        return ()
    named = ", ".join(map(own_name, customer.wrong_in))
    return (Reason("wrong_codes_in", f"Codes of this customer were wrong in these calls: {named}."),)
