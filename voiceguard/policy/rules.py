"""The policy file: actions have tiers, tiers have ordered CEL rules, the first rule that matches decides.

Three things are fixed here, whatever a file says: an unknown action is denied; a tier that demands assurance denies an
unknown customer, and hands a locked-out one over to people, or denies where people alone could not allow it; nothing is
allowed while none of the tier's assurance sets is held. A rule that fails, or answers anything but true or false, hands
over (reason `policy_fault`); it never allows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import cel

from voiceguard.events import Decision, Reason, Risk
from voiceguard.policy import schema
from voiceguard.policy.schema import ChallengeTerms

PEOPLE = frozenset({"human", "second_human"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a tier: when its guard is true, its decision stands."""

    name: str
    when: str
    decision: Decision
    reason: Reason
    program: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Remark:
    """A reason added to every ruling while its guard is true."""

    when: str
    reason: Reason
    program: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Tier:
    """`assurance`: the sets of which one must be held before anything is allowed; none: the tier is open.

    `verify`: whether asking for an action of this tier has the buffered speech judged by the second detector too.
    """

    name: str
    assurance: tuple[frozenset[str], ...]
    rules: tuple[Rule, ...]
    verify: bool = False

    @property
    def sensitive(self) -> bool:
        """Whether an allowed action needs assurance, a customer and a grant."""
        return bool(self.assurance)

    @property
    def is_for_people(self) -> bool:
        """Whether people alone hold one of the demanded sets, without a code."""
        return self.satisfied_by(PEOPLE)

    def satisfied_by(self, held: Collection[str]) -> bool:
        """Whether `held` contains one of the demanded sets."""
        return not self.assurance or any(demanded.issubset(held) for demanded in self.assurance)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy says of an action; `reasons` starts with the deciding rule's."""

    decision: Decision
    rule: str
    reasons: tuple[Reason, ...]
    tier: str


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was tried. `detail` names a fault's kind, never its values."""

    rule: str
    when: str
    outcome: Literal["matched", "not_matched", "fault"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """A ruling, and each rule that was tried on the way to it."""

    ruling: Ruling
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A loaded policy file. Build it with `load`."""

    version: str
    sha256: str
    """Hash of the file's text, hex."""
    actions: Mapping[str, str]
    """Action to the name of its tier."""
    tiers: Mapping[str, Tier]
    remarks: tuple[Remark, ...]
    challenge: ChallengeTerms
    grant_expires_s: int

    def tier(self, action: str) -> Tier | None:
        """The action's tier, or None for an unknown action."""
        return self.tiers.get(self.actions.get(action, ""))

    def decide(self, action: str, context: Mapping[str, Any]) -> Ruling:
        """Rule on `action` in a `context`; every fault is a handover, never an error."""
        return explain(self, action, context).ruling


def context(
    risk: Risk, *, assurance: Iterable[str], consent: bool, customer_known: bool, locked: bool, injection: bool,
    action: str, tier: str, parameters: Mapping[str, str], principal_kind: str = "machine", prepared_by: str = "",
) -> dict[str, Any]:
    """The names that rules see. `risk.score` is -1 where the risk has none. `principal.kind` is person, machine or
    assistant; `prepared_by` names the assistant whose action a person confirmed, and is empty where none prepared it.
    """
    return {
        "risk": {
            "score": -1 if risk.score is None else risk.score,
            "band": risk.band.value,
            "state": risk.state.value,
            "net_speech_s": float(risk.net_speech_s),
            "evidence": {item.source: float(item.llr) for item in risk.evidence},
        },
        "assurance": sorted(assurance),
        "consent": consent,
        "customer_known": customer_known,
        "locked": locked,
        "injection": injection,
        "action": action,
        "tier": tier,
        "parameters": dict(parameters),
        "principal": {"kind": principal_kind},
        "prepared_by": prepared_by,
    }


def explain(policy: Policy, action: str, context: Mapping[str, Any]) -> Trace:
    """The ruling of `Policy.decide`, with each rule that was tried and how it answered."""
    tier = policy.tier(action)
    if tier is None:
        reason = Reason("unknown_action", "The policy does not know this action.")
        return Trace(Ruling(Decision.DENY, "unknown_action", (reason,), "unknown"), ())
    steps: list[Step] = []
    try:
        seen = cel.Context(variables={**context, "action": action, "tier": tier.name})
        held = frozenset(context["assurance"])
    except Exception:  # values of a foreign kind
        return Trace(_fault("context", tier), ())
    for rule in (*_GUARDS[tier.is_for_people], *tier.rules) if tier.sensitive else tier.rules:
        try:
            matched = _true(rule.program, seen)
        except Exception as error:  # whatever CEL meets in foreign values must end in a person's hands
            steps.append(Step(rule.name, rule.when, "fault", type(error).__name__))
            return Trace(_fault(rule.name, tier), tuple(steps))
        steps.append(Step(rule.name, rule.when, "matched" if matched else "not_matched"))
        if matched:
            return Trace(_ruling(policy, tier, rule, seen, held), tuple(steps))
    reason = Reason("no_rule", "No rule of the policy applies.")
    return Trace(Ruling(Decision.DENY, "no_rule", (reason,), tier.name), tuple(steps))


def _ruling(policy: Policy, tier: Tier, rule: Rule, seen: cel.Context, held: frozenset[str]) -> Ruling:
    try:
        remarks = tuple(remark.reason for remark in policy.remarks if _true(remark.program, seen))
    except Exception:  # as above
        return _fault(rule.name, tier)
    if rule.decision is Decision.ALLOW and not tier.satisfied_by(held):
        return _fault(rule.name, tier)
    return Ruling(rule.decision, rule.name, (rule.reason, *remarks), tier.name)


def _fault(rule: str, tier: Tier) -> Ruling:
    reason = Reason("policy_fault", "A rule of the policy failed, so a person decides.")
    return Ruling(Decision.HANDOVER, rule, (reason,), tier.name)


def _true(program: Any, seen: cel.Context) -> bool:
    answer = program.execute(seen)
    if answer is not True and answer is not False:
        raise TypeError("a guard answers true or false")
    return answer


def load(text: str) -> Policy:
    """Read a policy file's text. Raises ConfigurationError naming the place that is wrong."""
    file = schema.read(text)
    return Policy(
        version=file.version,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        actions=MappingProxyType(file.actions),
        tiers=MappingProxyType({name: _tier(name, part) for name, part in file.tiers.items()}),
        remarks=tuple(Remark(part.when, _reason(part.reason), cel.compile(part.when)) for part in file.remarks),
        challenge=file.challenge,
        grant_expires_s=file.grant.expires_s,
    )


def _tier(name: str, part: schema.TierPart) -> Tier:
    rules = tuple(
        Rule(rule.name, rule.when, rule.decision, _reason(rule.reason), cel.compile(rule.when)) for rule in part.rules
    )
    return Tier(name, tuple(map(frozenset, part.assurance)), rules, part.verify)


def _reason(part: schema.ReasonPart) -> Reason:
    return Reason(part.code, part.text)


def _guard(name: str, when: str, text: str, decision: Decision = Decision.DENY) -> Rule:
    return Rule(name, when, decision, Reason(name, text), cel.compile(when))


_MISSING = _guard("customer_missing", "!customer_known", "Nobody is known whose action this would be.")
_LOCKED = "customer_locked", "locked && !('human' in assurance)", "Too many wrong codes of late: none is taken now."
_GUARDS = {True: (_MISSING, _guard(*_LOCKED, Decision.HANDOVER)), False: (_MISSING, _guard(*_LOCKED))}
"""Tried first in a tier that demands assurance, by whether people alone could allow it: who was locked out by others
has a way. No file can leave them out."""
