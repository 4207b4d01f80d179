"""`metrics.json` [contract]: everything that a replay says of a call set, in figures. Pure: results in, data out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from voiceguard.analysis.callsets.callset import LabelledCall
from voiceguard.analysis.report import outcomes, whatif
from voiceguard.analysis.report.detection import Row, detection, first_decision, trials
from voiceguard.analysis.report.outcomes import Weights
from voiceguard.analysis.results import CallResult
from voiceguard.measures.drift import BINS, LEAST_WINDOWS, stability

Replayed = Sequence[tuple[LabelledCall, CallResult]]
PSI_ALERT = 0.25
"""By the usual rule of scorecards (Siddiqi 2006), from where a shifted distribution asks for action."""


def rows_of(replayed: Replayed, place: int) -> list[Row]:
    """One row for each call that could be replayed, under the policy at `place`."""
    return [Row(call, result, result.runs[place]) for call, result in replayed if result.error is None]


def summarise(
    replayed: Replayed, names: Sequence[str], *, models: Mapping[str, str], prior: float, risk_high: float,
    budget_per_1000: float, psi_alert: float = PSI_ALERT, weights: Weights | None = None,
) -> dict[str, Any]:
    """`names`: of the policies, in the order of the results' runs. `prior`: of fraud, and `risk_high`: from where
    the risk is high, as the risk was made with."""
    weights = weights or Weights()
    all_rows = [rows_of(replayed, place) for place in range(len(names))]
    policies = [
        {"name": name, **_policy(rows, weights)} for name, rows in zip(names, all_rows, strict=True)
    ]
    return {
        "calls": _calls(replayed),
        "models": dict(models),
        "policies": policies,
        "what_if": [
            {
                "name": after["name"], "added": whatif.compare(policies[0], after),
                "changes": whatif.changes(all_rows[0], rows),
            }
            for after, rows in zip(policies[1:], all_rows[1:], strict=True)
        ],
        "threshold": whatif.thresholds(
            all_rows[0], prior=prior, budget_per_1000=budget_per_1000, present=risk_high
        ),
        "drift": drift([result for _, result in replayed], psi_alert),
    }


def drift(results: Sequence[CallResult], alert: float) -> dict[str, Any]:
    """Population stability index of each quantity against the model's papers; None where too few windows were heard."""
    names = sorted({name for result in results for name in result.drift})
    counts = {
        name: np.array([result.drift.get(name, (0,) * BINS) for result in results], dtype=np.float64).sum(axis=0)
        for name in names
    }
    index = {
        name: round(stability(found), 4) if found.sum() >= LEAST_WINDOWS else None for name, found in counts.items()
    }
    return {
        "alert_at": alert, "index": index,
        "counts": {name: found.astype(int).tolist() for name, found in counts.items()},
        "alerts": [name for name, value in index.items() if value is not None and value >= alert],
    }


def _policy(rows: Sequence[Row], weights: Weights) -> dict[str, Any]:
    friction, fraud = outcomes.friction(rows, weights), outcomes.fraud(rows)
    return {
        "policy": rows[0].run.policy if rows else None,
        "synthetic_voice": detection(rows, lambda row: row.synthetic, lambda row: row.voice_llr),
        "fraud_risk": detection(rows, lambda row: row.fraud, lambda row: row.shift),
        "trials": trials(rows),
        "first_decision": first_decision(rows),
        "decisions": outcomes.decisions(rows),
        "friction": friction,
        "fraud": fraud,
        "cost": outcomes.cost(friction, fraud, weights),
    }


def _calls(replayed: Replayed) -> dict[str, Any]:
    labels = Counter(call.label for call, _ in replayed)
    return {
        "total": len(replayed),
        "labels": dict(sorted(labels.items())),
        "errors": [
            {"call_id": call.call_id, "audio": call.audio.as_posix(), "error": result.error}
            for call, result in replayed if result.error is not None
        ],
        "audio_s": round(sum(result.duration_s for _, result in replayed), 1),
        "net_speech_s": round(sum(result.net_speech_s for _, result in replayed), 1),
    }
