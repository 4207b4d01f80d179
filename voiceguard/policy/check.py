"""Lint: what a policy would do over a finite grid of contexts, before any call meets it.

The grid is that of `voiceguard.policy.grid`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from voiceguard.events import Decision
from voiceguard.policy.grid import contexts, tells_actions_apart
from voiceguard.policy.rules import Policy, Tier, Trace, explain

_OPEN_ENDED = re.compile(r"\b(?:parameters|score|net_speech_s|evidence)\b")
_SENSITIVE = re.compile(
    r"(?:^|_)(?:money|payments?|pay|payees?|refunds?|transfers?|withdraw\w*|payouts?|loans?|beneficiar\w+|credentials?"
    r"|passwords?|passcodes?|pins?|mfa|otp|totp|authenticators?|recovery)(?:_|$)"
)
"""Words of actions and tiers that move money or open an account."""
_ASKS_ONLY = re.compile(r"_(?:status|enquiry|inquiry|information|info|hours|history|list)$")
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
    allow without the assurance its tier demands, at a high risk with no person, or on an injected instruction; or an
    action or tier of money or credentials demands no assurance."""
    findings = [finding for tier in policy.tiers.values() for finding in _tier(policy, tier)]
    return list(dict.fromkeys(findings))


def _tier(policy: Policy, tier: Tier) -> Iterator[Finding]:
    place = f"tiers.{tier.name}"
    actions = [action for action, name in policy.actions.items() if name == tier.name]
    if not actions:
        yield Finding("warning", "unused_tier", place, "No action has this tier.")
        return
    if not tier.sensitive:
        yield from _open_tier(tier, actions)
    for demanded in tier.assurance:
        if not demanded & {"otp", "human"}:
            yield Finding("error", "empty_assurance", place, "An assurance set holds neither a code nor a person.")
    yield from _unknown_actions(policy, tier)
    reached, needs_nothing = set(), tier.sensitive
    for seen, trace in _grid(policy, tier, actions):
        for step in trace.steps:
            if step.outcome != "not_matched":
                reached.add(step.rule)
        yield from _unsafe(tier, seen, trace)
        needs_nothing = needs_nothing or (trace.ruling.decision is Decision.ALLOW and not seen["assurance"])
    if not needs_nothing:
        text = "Its rules allow nothing without a code or a person, and unknown and locked-out customers pass them."
        yield Finding("warning", "assurance_not_demanded", place, text)
    exact = True
    for rule in tier.rules:
        exact = exact and not _OPEN_ENDED.search(rule.when)
        if rule.name not in reached and exact:
            text = "Whatever it would match, an earlier rule matches first, or nothing does."
            yield Finding("error", "unreachable_rule", f"{place}.{rule.name}", text)
        elif rule.name not in reached:
            text = "No context that was tried reaches this rule."
            yield Finding("warning", "rule_not_reached", f"{place}.{rule.name}", text)


def _unknown_actions(policy: Policy, tier: Tier) -> Iterator[Finding]:
    for rule in tier.rules:
        for action in _named_actions(rule.when):
            if action not in policy.actions:
                place = f"tiers.{tier.name}.{rule.name}"
                yield Finding("error", "unknown_action", place, f"There is no action {action!r}.")


def _open_tier(tier: Tier, actions: list[str]) -> Iterator[Finding]:
    """What a tier that demands no assurance should not hold. Unknown and locked-out customers pass it too."""
    place = f"tiers.{tier.name}"
    if _SENSITIVE.search(tier.name):
        text = "Money and credentials demand assurance, and this tier demands none."
        yield Finding("error", "open_sensitive_tier", place, text)
    for action in actions:
        if _SENSITIVE.search(action) and not _ASKS_ONLY.search(action):
            text = f"It moves money or opens an account, and its tier {tier.name} demands no assurance."
            yield Finding("error", "open_sensitive_action", f"actions.{action}", text)


def allowed_to_anybody(policy: Policy) -> list[str]:
    """Actions that can be allowed with neither code nor person, in the file's order."""
    found: set[str] = set()
    for tier in policy.tiers.values():
        actions = [action for action, name in policy.actions.items() if name == tier.name]
        if not actions:
            continue
        apart = tells_actions_apart(_guards(policy, tier))
        for seen, trace in _grid(policy, tier, actions):
            if trace.ruling.decision is Decision.ALLOW and not seen["assurance"]:
                found.update([seen["action"]] if apart else actions)
    return [action for action in policy.actions if action in found]


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
    for seen in contexts(_guards(policy, tier), actions, strangers=not tier.sensitive):
        yield seen, explain(policy, seen["action"], seen)


def _guards(policy: Policy, tier: Tier) -> list[str]:
    return [rule.when for rule in tier.rules] + [remark.when for remark in policy.remarks]


def _named_actions(when: str) -> list[str]:
    single = [match.group(2) or match.group(4) for match in _ACTION_IS.finditer(when)]
    listed = [name for names in _ACTION_IN.findall(when) for _, name in _QUOTED.findall(names)]
    return [*single, *listed]
