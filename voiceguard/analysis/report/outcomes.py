"""What the decisions of a replay come to: right or wrong, friction for genuine callers, frauds missed, the cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voiceguard.analysis.report.detection import Row, interval
from voiceguard.analysis.results import Decided
from voiceguard.events import Decision

NOTHING = "nothing"
"""An action that was expected and never asked."""


@dataclass(frozen=True)
class Weights:
    """What things cost, in whatever unit a contact centre counts; everybody's own differ from these."""

    fraud_per_1000: float = 5.0
    """Frauds among 1,000 calls that ask for something sensitive."""
    missed_fraud: float = 800.0
    step_up: float = 0.5
    handover: float = 4.0
    denied_customer: float = 25.0
    step_up_s: float = 30.0
    """Seconds that a code adds to a call."""
    handover_s: float = 180.0


@dataclass(frozen=True)
class Burden:
    """What one call cost its caller."""

    step_ups: int
    handovers: int
    denials: int

    @classmethod
    def of(cls, row: Row) -> Burden:
        """Actions of the call that went through each of the three."""
        return cls(*(
            len({one.action_id for one in row.run.decided if one.decision is decision})
            for decision in (Decision.STEP_UP, Decision.HANDOVER, Decision.DENY)
        ))


def decisions(rows: Sequence[Row]) -> dict[str, Any]:
    """Last decisions against `expect`: right and wrong, and per tier how often what was wanted became what."""
    tiers: dict[str, Counter[tuple[str, str]]] = {}
    wrong = []
    for row in rows:
        last = row.run.last()
        for action, wanted in sorted(row.call.expect.items()):
            got = last.get(action)
            tier, decision = (NOTHING, NOTHING) if got is None else (got.tier, got.decision.value)
            tiers.setdefault(tier, Counter())[wanted, decision] += 1
            if decision != wanted:
                wrong.append({"call_id": row.call.call_id, "action": action, "wanted": wanted, "got": decision})
    right = sum(count for found in tiers.values() for (wanted, got), count in found.items() if wanted == got)
    return {
        "right": right, "wrong": wrong,
        "tiers": {
            tier: [{"wanted": wanted, "got": got, "count": count} for (wanted, got), count in sorted(found.items())]
            for tier, found in sorted(tiers.items())
        },
    }


def friction(rows: Sequence[Row], weights: Weights) -> dict[str, Any]:
    """What genuine callers went through, per 1,000 of their calls, with intervals over sources."""
    genuine = [row for row in rows if not row.fraud]
    if not genuine:
        return {"calls": 0}
    burdens = [Burden.of(row) for row in genuine]
    sources = [row.source for row in genuine]
    counts = {field.name: np.array([getattr(one, field.name) for one in burdens]) for field in fields(Burden)}
    counts["untouched"] = np.array([one == Burden(0, 0, 0) for one in burdens])
    seconds = counts["step_ups"] * weights.step_up_s + counts["handovers"] * weights.handover_s
    rates = {f"{name}_per_1000": _rate(found * 1000.0, sources, 1) for name, found in counts.items()}
    return {"calls": len(genuine), **rates, "seconds_per_call": round(float(seconds.mean()), 1)}


def fraud(rows: Sequence[Row]) -> dict[str, Any]:
    """Fraudulent calls that asked for something sensitive, and what became of the one that went furthest."""
    ends = [(row, worst(found).decision) for row in rows if (found := fraudulent(row))]
    counts = Counter(decision.value for _, decision in ends)
    missed = np.array([decision is Decision.ALLOW for _, decision in ends], dtype=np.float64)
    return {
        "calls": sum(row.fraud for row in rows), "asking": len(ends),
        "ended_in": {decision.value: counts[decision.value] for decision in Decision},
        "missed": sorted(row.call.call_id for row, decision in ends if decision is Decision.ALLOW),
        "missed_share": _rate(missed, [row.source for row, _ in ends], 4) if ends else None,
    }


def _rate(values: NDArray[np.float64], sources: Sequence[str], digits: int) -> dict[str, Any]:
    """The mean of one value a call, with its interval over sources."""
    return {
        "value": round(float(values.mean()), digits),
        "interval": interval(lambda drawn: float(values[drawn].mean()), sources),
    }


def fraudulent(row: Row) -> list[Decided]:
    """The last word on each sensitive action that was asked for by somebody who is not the customer."""
    if not row.fraud:
        return []
    since_s = row.call.spoof_from_s or 0.0
    last = {one.action_id: one for one in row.run.decided}
    return [one for one in last.values() if one.sensitive and one.asked_s >= since_s]


def worst(decided: Iterable[Decided]) -> Decided:
    """The decision that let the caller get furthest."""
    order = (Decision.ALLOW, Decision.STEP_UP, Decision.HANDOVER, Decision.DENY)
    return min(decided, key=lambda one: order.index(one.decision))


def cost(friction: dict[str, Any], fraud: dict[str, Any], weights: Weights) -> dict[str, Any]:
    """Expected cost of 1,000 calls, from the rates of this set and the share of fraud that `weights` names."""
    if not friction["calls"] or not fraud["asking"]:
        return {"weights": asdict(weights), "per_1000_calls": None}
    genuine = (
        friction["step_ups_per_1000"]["value"] * weights.step_up
        + friction["handovers_per_1000"]["value"] * weights.handover
        + friction["denials_per_1000"]["value"] * weights.denied_customer
    ) / 1000.0
    missed = fraud["missed_share"]["value"] * weights.missed_fraud
    total = (1000.0 - weights.fraud_per_1000) * genuine + weights.fraud_per_1000 * missed
    return {"weights": asdict(weights), "per_1000_calls": round(total, 2)}


def call_cost(row: Row, weights: Weights) -> float:
    """What this call cost: fraud that was missed, or a genuine caller's burden."""
    if row.fraud:
        found = fraudulent(row)
        return weights.missed_fraud if found and worst(found).decision is Decision.ALLOW else 0.0
    burden = Burden.of(row)
    return (
        burden.step_ups * weights.step_up + burden.handovers * weights.handover
        + burden.denials * weights.denied_customer
    )


def worst_calls(rows: Sequence[Row], weights: Weights, most: int = 20) -> list[Row]:
    """The calls that went most wrong: dearest first, then those whose score lies furthest on the wrong side.

    What was wanted costs nothing here: who keys wrong codes is denied. Left out are calls in which nothing is wrong:
    decided as expected, and at a high risk at some time if and only if they are frauds, none of which got anything
    sensitive.
    """
    def as_wanted(row: Row) -> bool:
        last = row.run.last()
        return all(action in last and last[action].decision == wanted for action, wanted in row.call.expect.items())

    def wrongness(row: Row) -> tuple[float, float]:
        side = row.shift if row.heard else 0.0
        wanted = bool(row.call.expect) and as_wanted(row)
        return 0.0 if wanted else call_cost(row, weights), -side if row.fraud else side

    def right(row: Row) -> bool:
        high = any(point.band.value == "high" for point in row.run.line)
        return as_wanted(row) and (high and not call_cost(row, weights) if row.fraud else not high)

    candidates = [row for row in rows if row.result.error is None and not right(row)]
    return sorted(candidates, key=lambda row: (*(-value for value in wrongness(row)), row.call.call_id))[:most]
