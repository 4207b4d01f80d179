"""What subscribers are told of a record."""

from __future__ import annotations

from voiceguard.events.published import FIELDS, TYPES, cut, told


def test_told_decision_leaves_customer_and_evidence_out() -> None:
    """Only the named fields leave."""
    record = {
        "kind": "decision", "at": 1.0, "action_id": "a1", "action": "refund", "tier": "money", "decision": "deny",
        "state": "denied", "rule": "r", "policy": "p", "customer_ref": "customer-1", "risk": {}, "person": "ann",
    }

    assert told(record) == ("decision.made", {
        "action_id": "a1", "action": "refund", "tier": "money", "decision": "deny", "state": "denied", "rule": "r",
        "policy": "p",
    })


def test_told_record_for_nobody_is_none() -> None:
    """A risk is no event."""
    assert told({"kind": "risk", "at": 1.0, "score": 3}) is None


def test_cut_keeps_call_and_named_fields() -> None:
    """None cuts nothing."""
    data = {"call_id": "c", "action": "refund", "tier": "money"}

    assert [cut(data, None), cut(data, ["tier"]), cut(data, [])] == [
        data, {"call_id": "c", "tier": "money"}, {"call_id": "c"},
    ]


def test_no_field_names_a_customer_or_a_person() -> None:
    """Whoever reads the events learns of neither."""
    assert not FIELDS & {"customer_ref", "person", "author", "taken_by", "approved_by", "note"}
    assert "decision.made" in TYPES
