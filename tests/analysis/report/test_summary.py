"""Everything that a replay says, in one structure."""

from __future__ import annotations

import json

import pytest

from tests.analysis.calls import call, decided, point
from voiceguard.analysis.report.summary import drift, rows_of, summarise
from voiceguard.analysis.results import CallResult, Run

EVEN, SHIFTED = (60,) * 10, (0, 0, 0, 0, 0, 100, 100, 100, 150, 150)


def _call(name: str, label: str, *decisions: str) -> tuple[object, CallResult]:
    runs = tuple(Run(policy=str(place), line=(point(0.1),), decided=(decided(decision),))
                 for place, decision in enumerate(decisions))
    return call(name, label), CallResult(call_id=name, duration_s=60.0, net_speech_s=30.0, runs=runs)


REPLAYED = [
    _call("a", "genuine", "allow", "handover"), _call("b", "synthetic", "allow", "deny"),
    (call("broken"), CallResult(call_id="broken", error="holds no audio")),
]


def test_summary_compares_policies_with_the_first() -> None:
    """Two policies on one replay, and the file that could not be read."""
    found = summarise(
        REPLAYED, ["now", "draft"], models={"synthetic": "m@1"}, prior=0.05, risk_high=0.5, budget_per_1000=10.0  # type: ignore[arg-type]
    )

    assert {
        "total": 3, "labels": {"genuine": 2, "synthetic": 1}, "audio_s": 120.0, "net_speech_s": 60.0,
        "errors": [{"call_id": "broken", "audio": "none.wav", "error": "holds no audio"}],
    } == found["calls"]
    assert [("now", "0"), ("draft", "1")] == [(one["name"], one["policy"]) for one in found["policies"]]
    (what_if,) = found["what_if"]
    assert [("a", "handover"), ("b", "deny")] == [(one["call_id"], one["after"]) for one in what_if["changes"]]
    assert (1000.0, -1) == (what_if["added"]["handovers_per_1000"], what_if["added"]["missed_frauds"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_set_of_broken_files_has_a_summary() -> None:
    """With nothing in it."""
    found = summarise(REPLAYED[2:], ["now"], models={}, prior=0.05, risk_high=0.5, budget_per_1000=10.0)  # type: ignore[arg-type]

    assert [] == rows_of(REPLAYED[2:], 0)  # type: ignore[arg-type]
    assert (None, {"calls": 0}, None) == (
        found["threshold"], found["policies"][0]["friction"], found["policies"][0]["cost"]["per_1000_calls"]
    )


@pytest.mark.parametrize(("counts", "alerts"), [(EVEN, []), (SHIFTED, ["score"])])
def test_drift_alerts_from_its_threshold(counts: tuple[int, ...], alerts: list[str]) -> None:
    """Against ten even bins; a broken call has no windows."""
    results = [CallResult(call_id="a", drift={"score": counts}), CallResult(call_id="b", error="x")]
    found = drift(results, 0.25)

    assert alerts == found["alerts"]
    assert {"score": list(counts)} == found["counts"]
    assert (found["index"]["score"] >= 0.25) is bool(alerts)


def test_drift_needs_many_windows() -> None:
    """Chance alone moves the index of a few."""
    assert {"score": None} == drift([CallResult(call_id="a", drift={"score": (10,) * 10})], 0.25)["index"]
