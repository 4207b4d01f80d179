"""`voiceguard policy`: what it prints, writes and answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.commands import POLICY, mistake, run
from voiceguard.events import Band, Evidence, Risk, RiskState
from voiceguard.live.messages import risk_body


def test_shipped_policy_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    """The check finds nothing in it, and names its version and hash."""
    assert 0 == run("policy", "check", POLICY)
    printed = capsys.readouterr().out
    assert "0 errors, 0 warnings" in printed
    assert "these are allowed to anybody: balance_enquiry, order_status, branch_hours, plan_enquiry\n" in printed


def test_policy_diff_says_what_changed_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A payment that became information is allowed to anybody; the same policy twice answers alike."""
    text = POLICY.read_text(encoding="utf-8").replace("payment: money", "payment: information")
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")

    assert 1 == run("policy", "diff", POLICY, tmp_path / "p.yaml")
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("payment: step_up -> allow in ") and "assurance none" in line for line in lines)
    assert all(line.startswith("payment: ") for line in lines)
    assert 0 == run("policy", "diff", POLICY, POLICY)
    assert "both answer alike" in capsys.readouterr().out


def test_schema_is_the_one_that_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints what lies beside the policy, to the letter."""
    assert 0 == run("policy", "schema")

    assert POLICY.with_name("policy.schema.json").read_text(encoding="utf-8") == capsys.readouterr().out


def test_dangerous_policy_fails_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule that can allow at a high risk is named with its place, and the answer is no."""
    text = POLICY.read_text(encoding="utf-8").replace("when: risk.band == 'high'", "when: risk.band == 'higher'", 1)
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")

    assert 1 == run("policy", "check", tmp_path / "p.yaml")
    finding, *_, summary = capsys.readouterr().out.splitlines()
    assert ["error", "allows_at_high_risk"] == finding.split()[:2]
    assert finding.split()[2].startswith("tiers.")
    assert "0 errors" not in summary


def test_warnings_alone_pass_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tier that no action has is worth a look and no more."""
    text = POLICY.read_text(encoding="utf-8").replace(": entitlement\n", ": money\n")
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")

    assert 0 == run("policy", "check", tmp_path / "p.yaml")
    finding, _, summary = capsys.readouterr().out.splitlines()
    assert ["warning", "unused_tier", "tiers.entitlement:"] == finding.split()[:3]
    assert summary.endswith("0 errors, 1 warnings")


def explained(folder: Path, **asked: Any) -> int:
    """Put a question to the shipped policy."""
    (folder / "c.json").write_text(json.dumps(asked), encoding="utf-8")
    return run("policy", "explain", POLICY, "--call", folder / "c.json")


KNOWN = {"customer_known": True, "consent": True}
LOW = risk_body(
    "c", Risk(30.0, 12.0, 2, Band.LOW, RiskState.OK, (Evidence("synthetic_voice", -0.3, 2.0, -0.6, 9),)),
    {"synthetic": "synthetic-stream@0123456789ab"}, "0123456789ab",
)
"""A `risk` message as the service sends it."""


@pytest.mark.parametrize(("asked", "answer"), [
    ({"action": "balance_enquiry"}, "balance_enquiry (information): allow, by rule open"),
    ({"action": "refund"}, "refund (money): deny, by rule customer_missing"),
    ({"action": "refund", **KNOWN}, "refund (money): step_up, by rule code_needed"),
    ({"action": "refund", **KNOWN, "risk": LOW, "assurance": ["otp"]},
     "refund (money): allow, by rule code_and_low_risk"),
    ({"action": "refund", **KNOWN, "risk": LOW | {"band": "high"}}, "refund (money): handover, by rule high_risk"),
    ({"action": "password_reset", **KNOWN, "locked": True},
     "password_reset (credentials): handover, by rule customer_locked"),
    ({"action": "nothing"}, "nothing (unknown): deny, by rule unknown_action"),
])
def test_explains_a_decision(asked: Any, answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which rule decides, for a call that a file describes; what the file leaves out is unknown."""
    assert 0 == explained(tmp_path, **asked)
    assert answer == capsys.readouterr().out.splitlines()[0]


def test_explains_every_rule_it_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reasons, and each rule up to the one that matched."""
    explained(tmp_path, action="account_recovery", injection=True, **KNOWN)
    lines = capsys.readouterr().out.splitlines()

    assert "  prompt_injection: Somebody on the call dictated instructions to the system." in lines
    assert lines[-1] == "matched      code_needed: true"
    assert {"not matched"} == {line[:12].rstrip() for line in lines[1:-1] if not line.startswith("  ")}


def test_explains_a_rule_that_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rule at fault, what went wrong in it, and that a person decides."""
    text = POLICY.read_text(encoding="utf-8").replace("when: risk.band == 'high'", "when: parameters.amount > 5")
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "c.json").write_text(json.dumps({"action": "refund", **KNOWN}), encoding="utf-8")

    assert 0 == run("policy", "explain", tmp_path / "p.yaml", "--call", tmp_path / "c.json")
    lines = capsys.readouterr().out.splitlines()
    assert "refund (money): handover, by rule high_risk" == lines[0]
    assert lines[-1].startswith("fault        high_risk: parameters.amount > 5 (")


@pytest.mark.parametrize(("asked", "place"), [
    ({"action": 3}, "c.json: action:"), ({}, "c.json: action:"), ({"action": "refund", "otp": 1}, "c.json: otp:"),
    ({"action": "refund", "risk": {"band": "huge"}}, "c.json: risk.band:"),
    ({"action": "refund", "risk": {"scor": 5}}, "c.json: risk.scor:"),
    ({"action": "refund", "risk": {"score": "5"}}, "c.json: risk.score:"),
    ({"action": "refund", "risk": {"score": 101}}, "c.json: risk.score:"),
    ({"action": "refund", "risk": {"net_speech_s": float("nan")}}, "c.json: risk.net_speech_s:"),
    ({"action": "refund", "risk": {"evidence": [LOW["evidence"][0] | {"llr": float("inf")}]}},
     "c.json: risk.evidence.0.llr:"),
    ({"action": "refund", "risk": {"evidence": [LOW["evidence"][0] | {"x": 1}]}}, "c.json: risk.evidence.0.x:"),
    ({"action": "refund", "assurance": ["hunch"]}, "c.json: assurance.0:"),
    ({"action": "refund", "consent": "yes"}, "c.json: consent:"),
    ({"action": "refund", "locked": 1}, "c.json: locked:"),
    ({"action": "refund", "parameters": {"amount": 5}}, "c.json: parameters.amount:"),
    ({"action": "refund", "a\nb\x1b": 1}, r"c.json: a\nb\x1b:"),
])
def test_wrong_question_names_its_place(
    asked: Any, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr that says where."""
    assert 2 == explained(tmp_path, **asked)
    assert place in mistake(capsys)


@pytest.mark.parametrize("text", [
    b"", b"[]", b'{"action": "refund"', b'{"action": "\xff"}', b"[" * 100_000, b'{"action": ' + b"9" * 100_000 + b"}",
])
def test_what_is_no_question_names_its_file(text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cut off, of another kind, no UTF-8, too deep or too large."""
    (tmp_path / "c.json").write_bytes(text)

    assert 2 == run("policy", "explain", POLICY, "--call", tmp_path / "c.json")
    assert "c.json: " in mistake(capsys)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["action", "risk", "score", "band", "evidence", "parameters", "assurance", "x"]), inner,
        max_size=4,
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_question_ends_in_a_traceback(tmp_path: Path, asked: bytes) -> None:
    """Any bytes are a question or a mistake."""
    (tmp_path / "c.json").write_bytes(asked)

    assert run("policy", "explain", POLICY, "--call", tmp_path / "c.json") in (0, 2)
