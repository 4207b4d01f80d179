"""Policies against each other, and the threshold that a budget of friction leaves."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.calls import decided, row
from voiceguard.analysis.report.whatif import changes, compare, thresholds


def test_changes_are_actions_that_end_otherwise() -> None:
    """What ends alike, by whatever way, is no change."""
    stepped_up = row(decisions=[decided("step_up"), decided("allow")], call_id="a")
    before = [stepped_up, row(decisions=[decided("allow")], call_id="b")]
    after = [row(decisions=[decided("allow")], call_id="a"), row(decisions=[decided("handover")], call_id="b")]

    assert [
        {"call_id": "b", "label": "genuine", "action": "payment", "before": "allow", "after": "handover", "rule": "r"}
    ] == changes(before, after)


def test_comparison_is_a_difference() -> None:
    """What the second adds is positive, what it saves negative."""
    def summary(handovers: float, missed: list[str], cost: float | None) -> dict[str, object]:
        rates = {f"{name}_per_1000": {"value": 0.0} for name in ("step_ups", "denials")}
        friction = {"calls": 1, **rates, "handovers_per_1000": {"value": handovers}, "seconds_per_call": handovers / 10}
        return {"friction": friction, "fraud": {"missed": missed}, "cost": {"per_1000_calls": cost}}

    found = compare(summary(10.0, ["x", "y"], 100.0), summary(40.0, ["x"], 80.0))
    assert {
        "step_ups_per_1000": 0.0, "handovers_per_1000": 30.0, "denials_per_1000": 0.0, "seconds_per_call": 3.0,
        "missed_frauds": -1, "cost_per_1000_calls": -20.0,
    } == found
    assert compare(summary(1.0, [], None), summary(1.0, [], 1.0))["cost_per_1000_calls"] is None


def _asking(shift: float, label: str = "genuine", **more: object) -> object:
    return row(label=label, decisions=[decided("step_up", shift=shift)], **more)  # type: ignore[arg-type]


def test_threshold_hand_worked() -> None:
    """At nought nats two of four genuine callers are handed over and all frauds; at one, one and one of two."""
    rows = [_asking(shift) for shift in (-1.0, -0.5, 0.0, 1.0)] + [_asking(shift, "synthetic") for shift in (0.5, 2.0)]
    found = thresholds(rows, prior=0.5, budget_per_1000=250.0, present=0.5)  # type: ignore[arg-type]

    assert found is not None
    assert (250.0, 1.0) == (found["handovers_per_1000"], found["frauds_stopped"])
    assert found["risk_high"] == pytest.approx(1 / (1 + math.exp(-0.5)), abs=2e-6)
    none = thresholds(rows, prior=0.5, budget_per_1000=0.0, present=0.5)  # type: ignore[arg-type]
    assert none is not None and (0.0, 0.5) == (none["handovers_per_1000"], none["frauds_stopped"])


def test_threshold_takes_what_was_asked_after_the_voice_changed() -> None:
    """And nothing where one kind of call asked for nothing."""
    taken_over = row(label="takeover", spoof_from_s=8.0, decisions=[
        decided("step_up", asked_s=5.0, shift=9.0), decided("step_up", "refund", shift=1.0)
    ])
    found = thresholds([_asking(2.0), taken_over], prior=0.5, budget_per_1000=0.0, present=0.5)  # type: ignore[list-item]

    assert found is not None and 0.0 == found["frauds_stopped"]
    assert thresholds([taken_over], prior=0.5, budget_per_1000=10.0, present=0.5) is None


_TENTHS = st.lists(st.integers(-50, 80).map(lambda tenths: tenths / 10), min_size=1, max_size=20)


@given(_TENTHS, _TENTHS, st.floats(0, 1000))
def test_threshold_keeps_its_word(genuine: list[float], fraud: list[float], budget: float) -> None:
    """Set as a risk, it hands over no more genuine callers than allowed, and stops the frauds that it says."""
    rows = [_asking(shift) for shift in genuine] + [_asking(shift, "synthetic") for shift in fraud]
    found = thresholds(rows, prior=0.05, budget_per_1000=budget, present=0.5)  # type: ignore[arg-type]

    def reached(shifts: list[float]) -> float:
        risks = [1 / (1 + math.exp(-(math.log(0.05 / 0.95) + shift))) for shift in shifts]
        assert found is not None
        return float(sum(risk >= found["risk_high"] for risk in risks) / len(risks))

    assert found is not None
    assert 1000 * reached(genuine) <= budget + 0.05
    assert found["frauds_stopped"] == pytest.approx(reached(fraud), abs=1e-4)


def test_threshold_is_not_proposed_from_few_calls() -> None:
    """Six frauds and four genuine calls, all decided right, prove nothing about 20 in 1,000."""
    few = [_asking(-2.0) for _ in range(4)] + [_asking(3.0, "synthetic") for _ in range(6)]
    many = [_asking(-2.0) for _ in range(150)] + [_asking(3.0, "synthetic") for _ in range(6)]
    loose = [_asking(1.0) for _ in range(150)] + [_asking(3.0, "synthetic") for _ in range(6)]

    def advice(rows: list[object]) -> tuple[object, ...]:
        found = thresholds(rows, prior=0.5, budget_per_1000=20.0, present=0.5)  # type: ignore[arg-type]
        assert found is not None
        return found["advice"], found["present_handovers_per_1000"], found["present_frauds_stopped"]

    assert ("too_few", 0.0, 1.0) == advice(few)
    assert ("keep", 0.0, 1.0) == advice(many)
    assert ("change", 1000.0, 1.0) == advice(loose)
