"""A receipt answers from recorded bytes."""

from __future__ import annotations

from voiceguard.audit.chain import Entry
from voiceguard.audit.receipt import receipt
from voiceguard.audit.record import canonical
from voiceguard.events import (
    ActionDecided,
    ActionState,
    Band,
    Challenge,
    Decision,
    Evidence,
    Reason,
    Risk,
    RiskState,
    as_record,
)


def test_a_receipt_answers_what_an_auditor_asks() -> None:
    """System, data, product, control, human and place of one decision."""
    evidence = (Evidence("synthetic_voice", -0.5, 2.0, -1.0, 7),)
    decided = ActionDecided(
        "a1", "refund", "money", Decision.STEP_UP, ActionState.CHALLENGED,
        (Reason("code_needed", "A code is needed."),), "ask", Risk(9.0, 6.5, 1, Band.LOW, RiskState.OK, evidence),
        "ab" * 32, challenge=Challenge("totp", 300.0, 3, "urn:acr:otp"), person="ann",
    )
    record = canonical({
        "kind": "decision", "at": 5.0, "models": {"synthetic": "s@1"}, "policy": "p1", **as_record(decided),
    })
    answer = receipt(Entry("call-1", 4, record, b"\x01" * 32), b"\x02" * 32)

    assert {"models": {"synthetic": "s@1"}, "policy": "p1", "rule": "ask"} == answer["system"]
    assert (9.0, 6.5, "ab" * 32, "02" * 32) == (
        answer["data"]["media_s"], answer["data"]["net_speech_s"], answer["data"]["parameters_sha256"],
        answer["data"]["recorded_before_sha256"],
    )
    assert ("step_up", "challenged", 1) == (
        answer["produced"]["decision"], answer["produced"]["state"], answer["produced"]["risk"]["score"]
    )
    assert {"tier": "money", "step_up": "urn:acr:otp"} == answer["control"]
    assert ("ann", {"chain": "call-1", "seq": 4, "sha256": "01" * 32}) == (answer["human"], answer["place"])
