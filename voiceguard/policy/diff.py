"""How two policies answer differently, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from voiceguard.policy.grid import contexts
from voiceguard.policy.rules import Policy, explain

_SITUATION = ("band", "state", "assurance", "injection", "consent", "customer_known", "locked", "evidence")


def differences(old: Policy, new: Policy) -> list[str]:
    """One line for each kind of answer that changed, in the order of the files; none for policies that answer alike.

    A line names the actions, both decisions, in how many of the situations tried, and what all of those have in common.
    """
    lines: dict[str, list[str]] = {}
    for action in dict.fromkeys((*old.actions, *new.actions)):
        for line in _of_action(old, new, action):
            lines.setdefault(line, []).append(action)
    return [*_terms(old, new), *(f"{', '.join(actions)}: {line}" for line, actions in lines.items())]


def _of_action(old: Policy, new: Policy, action: str) -> Iterator[str]:
    tiers = [policy.tier(action) for policy in (old, new)]
    guards = [rule.when for tier in tiers if tier is not None for rule in tier.rules]
    changed: dict[tuple[str, str], list[dict[str, Any]]] = {}
    all_seen: list[dict[str, Any]] = []
    for context in contexts(guards, [action], strangers=True):
        answers = [explain(policy, action, context).ruling for policy in (old, new)]
        said = [
            "is unknown" if tier is None else str(answer.decision) for tier, answer in zip(tiers, answers, strict=True)
        ]
        seen = _facts(context)
        all_seen.append(seen)
        if said[0] != said[1]:
            changed.setdefault((said[0], said[1]), []).append(seen)
    for (before, after), where in changed.items():
        common = _common(where, all_seen)
        yield f"{before} -> {after} in {len(where)} of {len(all_seen)} situations" + (f": {common}" if common else "")
    before_tier, after_tier = tiers
    if before_tier is not None and after_tier is not None and before_tier.verify != after_tier.verify:
        yield "the second detector is asked" if after_tier.verify else "the second detector is asked no more"


def _facts(context: Mapping[str, Any]) -> dict[str, Any]:
    risk = context["risk"]
    return {
        "band": risk["band"], "state": risk["state"], "assurance": " + ".join(context["assurance"]) or "none",
        **{name: "yes" if context[name] else "no" for name in ("injection", "consent", "customer_known", "locked")},
        "evidence": "some" if risk["evidence"] else "none",
        "score": risk["score"], "net_speech_s": risk["net_speech_s"],
    }


def _common(where: list[dict[str, Any]], everywhere: list[dict[str, Any]]) -> str:
    """Names whose values in these situations are fewer than in all."""
    parts = []
    for name in _SITUATION:
        here, there = ({seen[name]: None for seen in those} for those in (where, everywhere))
        if len(here) < len(there):
            parts.append(f"{name.replace('_', ' ')} {' or '.join(here)}")
    for name in ("score", "net_speech_s"):
        here_n, there_n = (sorted({seen[name] for seen in those}) for those in (where, everywhere))
        if len(here_n) < len(there_n):
            span = f"{here_n[0]:g}" if len(here_n) == 1 else f"{here_n[0]:g} to {here_n[-1]:g}"
            parts.append(f"{name.replace('_', ' ')} {span}")
    return ", ".join(parts)


def _terms(old: Policy, new: Policy) -> Iterator[str]:
    before, after = old.challenge.model_dump(), new.challenge.model_dump()
    for name, value in before.items():
        if value != after[name]:
            yield f"challenge.{name}: {value} -> {after[name]}"
    if old.grant_expires_s != new.grant_expires_s:
        yield f"grant.expires_s: {old.grant_expires_s} -> {new.grant_expires_s}"
