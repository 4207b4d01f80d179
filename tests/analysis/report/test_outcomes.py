"""What decisions come to, on hand-worked calls."""

from __future__ import annotations

import pytest

from tests.analysis.calls import decided, row
from voiceguard.analysis.report import outcomes
from voiceguard.analysis.report.outcomes import Burden, Weights
from voiceguard.analysis.results import Decided

STEPPED_UP = [decided("step_up"), decided("allow")]


def test_last_word_counts_against_what_was_expected() -> None:
    """Per tier, and each miss by name; an action that was never asked has no tier."""
    found = outcomes.decisions([
        row(decisions=STEPPED_UP, expect={"payment": "allow"}, call_id="right"),
        row(decisions=[decided("allow")], expect={"payment": "handover", "refund": "deny"}, call_id="wrong"),
    ])

    assert 1 == found["right"]
    assert [
        {"call_id": "wrong", "action": "payment", "wanted": "handover", "got": "allow"},
        {"call_id": "wrong", "action": "refund", "wanted": "deny", "got": "nothing"},
    ] == found["wrong"]
    assert {
        "money": [{"wanted": "allow", "got": "allow", "count": 1}, {"wanted": "handover", "got": "allow", "count": 1}],
        "nothing": [{"wanted": "deny", "got": "nothing", "count": 1}],
    } == found["tiers"]


def test_friction_counts_actions_of_genuine_calls() -> None:
    """A code that is entered is one step-up, however often its state changed; frauds do not count."""
    rows = [
        row(decisions=[decided("step_up"), *STEPPED_UP, decided("handover", "refund")]),
        row(decisions=[decided("allow", "balance", sensitive=False)]), row(), row(),
        row(label="synthetic", decisions=[decided("handover")]),
    ]
    found = outcomes.friction(rows, Weights(step_up_s=10.0, handover_s=100.0))

    assert (4, 250.0, 250.0, 0.0, 750.0) == (found["calls"], *(
        found[f"{name}_per_1000"]["value"] for name in ("step_ups", "handovers", "denials", "untouched")
    ))
    assert 27.5 == found["seconds_per_call"]
    assert {"calls": 0} == outcomes.friction(rows[-1:], Weights())


def test_missed_fraud_is_what_was_allowed_after_the_voice_changed() -> None:
    """What the customer was allowed before a take-over, and what is open to everybody, is no fraud."""
    before = decided("allow", asked_s=5.0)
    rows = [
        row(label="takeover", spoof_from_s=8.0, decisions=[before, decided("handover", "refund")], call_id="stopped"),
        row(label="takeover", spoof_from_s=8.0, decisions=[before], call_id="asked nothing"),
        row(label="synthetic", decisions=[decided("allow", "balance", sensitive=False)], call_id="open"),
        row(label="synthetic", decisions=[decided("handover"), decided("allow", "refund")], call_id="missed"),
        row(decisions=[decided("allow")], call_id="genuine"),
    ]
    found = outcomes.fraud(rows)

    assert (4, 2, ["missed"]) == (found["calls"], found["asking"], found["missed"])
    assert {"allow": 1, "step_up": 0, "handover": 1, "deny": 0} == found["ended_in"]
    assert 0.5 == found["missed_share"]["value"]


def test_cost_hand_worked() -> None:
    """998 genuine calls at 0.5 * 2 + 0.25 * 8, and 2 frauds of which half cost 1,000."""
    rows = [
        row(decisions=STEPPED_UP), row(decisions=[decided("step_up"), decided("handover", "refund")]), row(), row(),
        row(label="synthetic", decisions=[decided("allow")]), row(label="synthetic", decisions=[decided("deny")]),
    ]
    weights = Weights(fraud_per_1000=2.0, missed_fraud=1000.0, step_up=2.0, handover=8.0)
    found = outcomes.cost(outcomes.friction(rows, weights), outcomes.fraud(rows), weights)

    assert 998 * 3.0 + 2 * 0.5 * 1000.0 == found["per_1000_calls"]
    assert outcomes.cost(outcomes.friction(rows, weights), outcomes.fraud([]), weights)["per_1000_calls"] is None


@pytest.mark.parametrize(("decisions", "burden"), [
    ([], Burden(0, 0, 0)), (STEPPED_UP, Burden(1, 0, 0)),
    ([decided("step_up"), decided("deny"), decided("deny", "refund")], Burden(1, 0, 2)),
])
def test_burden_counts_actions(decisions: list[Decided], burden: Burden) -> None:
    """Each action once for each thing that happened to it."""
    assert burden == Burden.of(row(decisions=decisions))


def test_worst_calls_are_the_dearest_then_the_most_misleading() -> None:
    """What is as expected, and judged rightly, is not among them."""
    rows = [
        row(-1.0, call_id="fine"),
        row(2.0, call_id="alarm"), row(3.0, call_id="worse alarm"),
        row(2.0, "synthetic", call_id="found"), row(-1.0, "synthetic", call_id="unheard"),
        row(2.0, "synthetic", decisions=[decided("allow")], call_id="missed"),
        row(-1.0, decisions=[decided("handover")], expect={"payment": "allow"}, call_id="bothered"),
        row(0.7, decisions=[decided("deny")], expect={"payment": "deny"}, call_id="rightly denied"),
    ]

    assert ["missed", "bothered", "worse alarm", "alarm", "unheard", "rightly denied"] == [
        one.call.call_id for one in outcomes.worst_calls([*rows, rows[0]], Weights())
    ]
    assert ["missed"] == [one.call.call_id for one in outcomes.worst_calls(rows, Weights(), most=1)]
