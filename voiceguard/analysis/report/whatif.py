"""Several policies on one replay: which calls change, what that costs and saves; and where a threshold should lie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from voiceguard.analysis.report.detection import Row
from voiceguard.analysis.report.outcomes import fraudulent
from voiceguard.risk.fusion import posterior_of

LEAST_GENUINE = 150
"""Genuine calls that asked for something sensitive, under which no threshold is proposed: three of them are a budget of
20 in 1,000."""


def changes(before: Sequence[Row], after: Sequence[Row]) -> list[dict[str, Any]]:
    """Every action that ends otherwise under the second policy; rows of the same calls in the same order."""
    found = []
    for old, new in zip(before, after, strict=True):
        was, became = old.run.last(), new.run.last()
        found += [
            {
                "call_id": old.call.call_id, "label": old.call.label, "action": action,
                "before": was[action].decision.value, "after": became[action].decision.value,
                "rule": became[action].rule,
            }
            for action in was if action in became and was[action].decision is not became[action].decision
        ]
    return found


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What the second policy adds (positive) or saves (negative), from the summaries of both."""
    added: dict[str, Any] = {}
    if before["friction"]["calls"]:
        for name in ("step_ups_per_1000", "handovers_per_1000", "denials_per_1000"):
            added[name] = round(after["friction"][name]["value"] - before["friction"][name]["value"], 1)
        added["seconds_per_call"] = round(
            after["friction"]["seconds_per_call"] - before["friction"]["seconds_per_call"], 1
        )
    added["missed_frauds"] = len(after["fraud"]["missed"]) - len(before["fraud"]["missed"])
    costs = before["cost"]["per_1000_calls"], after["cost"]["per_1000_calls"]
    added["cost_per_1000_calls"] = None if None in costs else round(costs[1] - costs[0], 2)
    return added


def thresholds(
    rows: Sequence[Row], *, prior: float, budget_per_1000: float, present: float
) -> dict[str, Any] | None:
    """Which share of frauds a handover at each risk would stop, against the genuine callers it would hand over.

    The risk is the highest at which a call asked for something sensitive; a take-over counts from its time on. Chosen
    is the lowest threshold under which at most `budget_per_1000` of 1,000 genuine calls that ask are handed over. The
    value is a posterior, as `VOICEGUARD_RISK__HIGH` takes it. `present`: the threshold in force. `advice`: `too_few`
    under LEAST_GENUINE genuine calls, which say nothing of rates as low as a budget; `keep` where the one in force is
    within the budget and stops no fewer frauds; else `change`. None where either kind asked for nothing.
    """
    genuine = np.array(sorted(_asked(row) for row in rows if not row.fraud and _sensitive(row)))
    fraud = np.array(sorted(
        max(one.risk.shift for one in found) for row in rows if (found := fraudulent(row))
    ))
    if not len(genuine) or not len(fraud):
        return None
    curve = []
    for cut in [*np.unique(np.concatenate([genuine, fraud])), math.inf]:
        handed_over = 1000.0 * float(np.mean(genuine >= cut))
        stopped = float(np.mean(fraud >= cut))
        curve.append((_threshold(prior, float(cut)), round(handed_over, 1), round(stopped, 4)))
    chosen = next(point for point in curve if point[1] <= budget_per_1000)
    reach = shift_of(prior, present)
    now = round(1000.0 * float(np.mean(genuine >= reach)), 1), round(float(np.mean(fraud >= reach)), 4)
    kept = now[0] <= budget_per_1000 and now[1] >= chosen[2]
    return {
        "advice": "too_few" if len(genuine) < LEAST_GENUINE else "keep" if kept else "change",
        "present": present, "present_handovers_per_1000": now[0], "present_frauds_stopped": now[1],
        "least_genuine": LEAST_GENUINE,
        "budget_per_1000": budget_per_1000, "genuine": len(genuine), "fraud": len(fraud),
        "risk_high": chosen[0], "handovers_per_1000": chosen[1], "frauds_stopped": chosen[2],
        "curve": [list(point) for point in curve],
    }


def shift_of(prior: float, posterior: float) -> float:
    """Nats that lift the prior to this posterior."""
    return math.log(posterior / (1.0 - posterior)) - math.log(prior / (1.0 - prior))


def _sensitive(row: Row) -> bool:
    return any(one.sensitive for one in row.run.decided)


def _asked(row: Row) -> float:
    return max(one.risk.shift for one in row.run.decided if one.sensitive)


def _threshold(prior: float, shift: float) -> float:
    """Rounded down, so that the call at the threshold still reaches it."""
    return math.floor(1e6 * posterior_of(prior, shift)) / 1e6
