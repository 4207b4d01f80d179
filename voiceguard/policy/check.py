"""Lint: what a policy would do over a finite grid of contexts, before any call meets it.

The grid is the product of every band, state, assurance set and flag that the tier's rules mention, and, for numbers,
the values written in the rules and their neighbours. A tier that mentions only finite names is decided exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from voiceguard.events import SOURCES, Band, Decision, Evidence, Risk, RiskState
from voiceguard.policy.rules import Policy, Tier, Trace, context, explain

_HELD = ((), ("otp",), ("human",), ("human", "otp"), ("human", "second_human"), ("human", "otp", "second_human"))
_OPEN_ENDED = re.compile(r"\b(?:parameters|score|net_speech_s|evidence)\b")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_ACTION_IS = re.compile(r"\baction\s*(?:==|!=)\s*(['\"])(.*?)\1|(['\"])([^'\"]*)\3\s*(?:==|!=)\s*action\b")
_ACTION_IN = re.compile(r"\baction\s+in\s*\[([^\]]*)\]")
_QUOTED = re.compile(r"(['\"])(.*?)\1")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a policy. Errors: do not enforce it; warnings: look at it."""

    level: Literal["error", "warning"]
    code: str
    place: str
    """Dotted place in the file, by names: tiers.money.code_needed."""
    text: str


def lint(policy: Policy) -> list[Finding]:
    """Everything found, in the file's order. An error: a rule names an unknown action, is never reached, fails, or can
    allow without the assurance its tier demands, at a high risk with no person, or on an injected instruction."""
    findings = [finding for tier in policy.tiers.values() for finding in _tier(policy, tier)]
    return list(dict.fromkeys(findings))


def _tier(policy: Policy, tier: Tier) -> Iterator[Finding]:
    place = f"tiers.{tier.name}"
    actions = [action for action, name in policy.actions.items() if name == tier.name]
    if not actions:
        yield Finding("warning", "unused_tier", place, "No action has this tier.")
        return
    for demanded in tier.assurance:
        if not demanded & {"otp", "human"}:
            yield Finding("error", "empty_assurance", place, "An assurance set holds neither a code nor a person.")
    for rule in tier.rules:
        for action in _named_actions(rule.when):
            if action not in policy.actions:
                yield Finding("error", "unknown_action", f"{place}.{rule.name}", f"There is no action {action!r}.")
    reached = set()
    for seen, trace in _grid(policy, tier, actions):
        for step in trace.steps:
            if step.outcome != "not_matched":
                reached.add(step.rule)
        yield from _unsafe(tier, seen, trace)
    exact = True
    for rule in tier.rules:
        exact = exact and not _OPEN_ENDED.search(rule.when)
        if rule.name not in reached and exact:
            text = "Whatever it would match, an earlier rule matches first, or nothing does."
            yield Finding("error", "unreachable_rule", f"{place}.{rule.name}", text)
        elif rule.name not in reached:
            text = "No context that was tried reaches this rule."
            yield Finding("warning", "rule_not_reached", f"{place}.{rule.name}", text)


def _unsafe(tier: Tier, seen: dict[str, Any], trace: Trace) -> Iterator[Finding]:
    last = trace.steps[-1]
    place = f"tiers.{tier.name}.{last.rule}"
    if last.outcome == "fault":
        yield Finding("error", "rule_fails", place, f"It fails in some contexts ({last.detail}), and then hands over.")
        return
    matched = next((rule for rule in tier.rules if rule.name == last.rule and last.outcome == "matched"), None)
    if matched is None:
        if trace.ruling.rule == "no_rule":
            yield Finding("warning", "no_rule", f"tiers.{tier.name}", "Some contexts match no rule and are denied.")
        return
    held = seen["assurance"]
    unheld = matched.decision is Decision.ALLOW and not tier.satisfied_by(held)
    if trace.ruling.reasons[0].code == "policy_fault" and not unheld:
        yield Finding("error", "remark_fails", "remarks", "A remark fails in some contexts, which hands over.")
    if matched.decision is not Decision.ALLOW:
        return
    if unheld:
        text = "It can allow without the assurance that its tier demands."
        yield Finding("error", "allows_without_assurance", place, text)
    if seen["risk"]["band"] == "high" and "human" not in held:
        yield Finding("error", "allows_at_high_risk", place, "It can allow at a high risk with no person asked.")
    if seen["injection"] and not held:
        text = "It can allow with neither code nor person although an instruction was injected."
        yield Finding("error", "allows_injection", place, text)


def _grid(policy: Policy, tier: Tier, actions: list[str]) -> Iterator[tuple[dict[str, Any], Trace]]:
    """Contexts in which a customer is known; an open tier's rules see the other case too."""
    guards = [rule.when for rule in tier.rules] + [remark.when for remark in policy.remarks]
    text = "\n".join(guards)
    flags = (False, True)
    open_flags = flags if not tier.sensitive else ()

    def values(name: str, those: Any, otherwise: Any) -> Any:
        return those if re.search(rf"\b{name}\b", text) and those else (otherwise,)

    def edges(name: str, *always: float) -> list[float]:
        found = {float(number) for when in guards if name in when for number in _NUMBER.findall(when)}
        return sorted({*always, *(number + step for number in found for step in (-1.0, 0.0, 1.0))})

    scores = [int(score) for score in edges("score", -1, 0, 50, 100) if -1 <= score <= 100]
    speech = [net_s for net_s in edges("net_speech_s", 0.0, 10.0) if net_s >= 0]
    llrs = [(), *(tuple((source, llr) for source in SOURCES) for llr in (-4.0, 4.0))]
    for band, state, held, injection, consent, known, locked, score, net_s, evidence, action in product(
        Band, RiskState, _HELD, flags,
        values("consent", flags, True), values("customer_known", open_flags, True),
        values("locked", flags, False), values("score", scores, 50), values("net_speech_s", speech, 10.0),
        values("evidence", llrs, ()), values("action", actions, actions[0]),
    ):
        risk = Risk(0.0, net_s, None if score < 0 else score, band, state, tuple(
            Evidence(source, llr, 1.0, llr, 1) for source, llr in evidence
        ))
        seen = context(
            risk, assurance=held, consent=consent, customer_known=known, locked=locked, injection=injection,
            action=action, tier=tier.name, parameters={},
        )
        yield seen, explain(policy, action, seen)


def _named_actions(when: str) -> list[str]:
    single = [match.group(2) or match.group(4) for match in _ACTION_IS.finditer(when)]
    listed = [name for names in _ACTION_IN.findall(when) for _, name in _QUOTED.findall(names)]
    return [*single, *listed]
