"""Rulings of a loaded policy, and what a ruling is when a rule fails."""

from __future__ import annotations

import hashlib
from itertools import product
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.asked import HIGH, LOW, POLICY, TEXT, changed, risk, seen
from voiceguard.events import Band, Decision, Evidence, Risk, RiskState
from voiceguard.policy import Policy, context, explain, load


def with_rule(when: str, decision: str = "allow") -> Policy:
    """A policy whose only credentials rule this is."""
    rule = {"name": "only", "when": when, "decision": decision, "reason": {"code": "because", "text": "Because."}}
    tiers = yaml.safe_load(TEXT)["tiers"]
    tiers["credentials"] = {"assurance": [["otp"]], "rules": [rule]}
    return load(changed(tiers=tiers))


def test_shipped_policy_is_named_by_its_hash() -> None:
    """The hash is that of the file's text."""
    assert hashlib.sha256(TEXT.encode()).hexdigest() == POLICY.sha256
    assert "1" == POLICY.version
    assert "money" == POLICY.actions["payment"]


@pytest.mark.parametrize("action", sorted(POLICY.actions))
def test_shipped_policy_never_allows_a_high_risk_without_a_person(action: str) -> None:
    """Nor anything sensitive without assurance, in any state."""
    tier = POLICY.tier(action)
    assert tier is not None
    for band, state, held in product(Band, RiskState, ((), ("otp",), ("human",))):
        ruling = POLICY.decide(action, seen(action, risk(band.value, state.value), assurance=held))
        if ruling.decision is Decision.ALLOW:
            assert "human" in held or band is not Band.HIGH
            assert tier.satisfied_by(held)
        assert ruling.decision is not Decision.DENY


@pytest.mark.parametrize(
    ("state", "code"),
    [(state.value, state.value) for state in RiskState if state is not RiskState.OK],
)
def test_a_ruling_says_why_the_voice_was_not_judged(state: str, code: str) -> None:
    """Each state of risk without a judgement is among the reasons."""
    ruling = POLICY.decide("account_recovery", seen(at=risk("unknown", state)))

    assert (Decision.STEP_UP, ["code_needed", code]) == (ruling.decision, [reason.code for reason in ruling.reasons])


def test_sensitive_tiers_demand_the_second_detector() -> None:
    """In the shipped policy all of them, and no other."""
    assert {name for name, tier in POLICY.tiers.items() if tier.sensitive} == {
        name for name, tier in POLICY.tiers.items() if tier.verify
    }


def test_unknown_action_is_denied() -> None:
    """Default deny, with a reason."""
    ruling = POLICY.decide("open_the_vault", seen())

    assert (Decision.DENY, "unknown_action", "unknown") == (ruling.decision, ruling.reasons[0].code, ruling.tier)


@pytest.mark.parametrize(
    "when",
    [
        "parameters.amount == '1'",     # missing key
        "1",                            # not a boolean
        "risk.score",
        "1 / 0 == 1",
        "risk.score > 'a'",             # types
        "risk.evidence.watchlist > 1.0",
        "assurance[5] == 'otp'",
        "no_such_function(risk)",
    ],
)
def test_a_rule_that_fails_hands_over(when: str) -> None:
    """Whatever it would have decided."""
    ruling = with_rule(when).decide("account_recovery", seen(assurance=("otp",)))

    assert (Decision.HANDOVER, "policy_fault") == (ruling.decision, ruling.reasons[0].code)


@pytest.mark.parametrize("missing", ["risk", "assurance", "customer_known", "locked"])
def test_a_context_without_a_name_hands_over(missing: str) -> None:
    """A fault in what the policy is given never allows either."""
    given_context = seen(assurance=("otp",))
    del given_context[missing]

    assert Decision.HANDOVER == POLICY.decide("account_recovery", given_context).decision


def test_a_remark_that_fails_hands_over() -> None:
    """Even where the rule itself would have allowed."""
    remark = {"when": "parameters.amount == '1'", "reason": {"code": "one", "text": "One."}}

    ruling = load(changed(remarks=[remark])).decide("branch_hours", seen("branch_hours"))

    assert (Decision.HANDOVER, "policy_fault") == (ruling.decision, ruling.reasons[0].code)


def test_no_matching_rule_denies() -> None:
    """Default deny inside a tier."""
    assert "no_rule" == with_rule("false").decide("account_recovery", seen()).reasons[0].code


def test_assurance_is_demanded_of_every_rule() -> None:
    """An allow without it becomes a handover."""
    policy = with_rule("true")

    assert Decision.HANDOVER == policy.decide("account_recovery", seen()).decision
    assert Decision.ALLOW == policy.decide("account_recovery", seen(assurance=("otp",))).decision


def test_the_action_asked_for_is_the_one_that_rules_see() -> None:
    """A context that names another action changes nothing."""
    policy = with_rule("action == 'account_recovery' && tier == 'credentials'")

    ruling = policy.decide("account_recovery", seen("payment", assurance=("otp",)))
    assert Decision.ALLOW == ruling.decision


def test_explain_lists_each_rule_tried() -> None:
    """The trace ends with the rule that decided; a fault names its kind and no value."""
    trace = explain(POLICY, "account_recovery", seen(at=HIGH))
    assert [("customer_missing", "not_matched"), ("customer_locked", "not_matched"),
            ("approved_by_person", "not_matched"), ("high_risk", "matched")] == [
        (step.rule, step.outcome) for step in trace.steps
    ]
    assert POLICY.decide("account_recovery", seen(at=HIGH)) == trace.ruling

    failed = explain(with_rule("int(parameters.pan) > 1"), "account_recovery", seen(parameters={"pan": "4111x"}))
    assert "fault" == failed.steps[-1].outcome
    assert "4111x" not in repr(failed)


def test_context_holds_what_rules_may_name() -> None:
    """No score is -1, evidence is a map, assurance a list."""
    at = Risk(1.0, 2.0, None, Band.UNKNOWN, RiskState.INCONCLUSIVE, (Evidence("synthetic_voice", 1.5, 0.5, 0.75, 3),))

    assert {
        "risk": {"score": -1, "band": "unknown", "state": "inconclusive", "net_speech_s": 2.0,
                 "evidence": {"synthetic_voice": 1.5}},
        "assurance": ["human", "otp"], "consent": False, "customer_known": True, "locked": False, "injection": True,
        "action": "payment", "tier": "money", "parameters": {"amount": "1"},
        "principal": {"kind": "assistant"}, "prepared_by": "bot",
    } == context(
        at, assurance={"otp", "human"}, consent=False, customer_known=True, locked=False, injection=True,
        action="payment", tier="money", parameters={"amount": "1"}, principal_kind="assistant", prepared_by="bot",
    )


def test_names_bound_inside_a_rule_are_known() -> None:
    """CEL's comprehension variables are names too."""
    policy = with_rule("assurance.exists(held, held == 'otp')")

    assert Decision.ALLOW == policy.decide("account_recovery", seen(assurance=("otp",))).decision


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["risk", "assurance", "customer_known", "locked", "injection"]), JSON))
def test_no_context_allows_without_assurance(parts: dict[str, Any]) -> None:
    """Values of the wrong kind end in anything but allow."""
    ruling = POLICY.decide("account_recovery", seen(at=LOW) | parts)

    held = parts.get("assurance", ())
    assert ruling.decision is not Decision.ALLOW or "otp" in held or "human" in held
