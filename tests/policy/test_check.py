"""Lint finds what a policy would do wrong before a call does."""

from __future__ import annotations

import pytest

from tests.policy.asked import POLICY, TEXT
from voiceguard.policy import allowed_to_anybody, lint, load

BAND_HIGH = "when: risk.band == 'high'"
OTP = "when: \"'otp' in assurance\""
NEEDED = "- name: code_needed\n        when: \"true\"\n        decision: step_up"


def test_the_shipped_policy_is_clean() -> None:
    """No finding at all."""
    assert [] == lint(POLICY)


@pytest.mark.parametrize(
    ("old", "new", "level", "code", "place"),
    [
        (OTP, "when: \"'otp' in assurance || risk.band == 'low'\"", "error", "allows_without_assurance",
         "tiers.credentials.code_entered"),
        (NEEDED, NEEDED.replace("step_up", "allow"), "error", "allows_without_assurance",
         "tiers.credentials.code_needed"),
        (OTP, "when: \"'human' in assurance\"", "error", "unreachable_rule", "tiers.credentials.code_entered"),
        (BAND_HIGH, "when: risk.band == 'hihg'", "error", "unreachable_rule", "tiers.information.high_risk"),
        (BAND_HIGH, "when: risk.band == 'hihg'", "error", "allows_at_high_risk", "tiers.information.open"),
        (BAND_HIGH, "when: risk.score > 60 && risk.score < 61", "warning", "rule_not_reached",
         "tiers.information.high_risk"),
        (BAND_HIGH, "when: action == 'paymnet'", "error", "unknown_action", "tiers.information.high_risk"),
        (BAND_HIGH, "when: action in ['payment', \"x\"]", "error", "unknown_action", "tiers.information.high_risk"),
        (BAND_HIGH, "when: parameters.amount == '5'", "error", "rule_fails", "tiers.information.high_risk"),
        (BAND_HIGH, "when: risk.evidence.watchlist > 2.0", "error", "rule_fails", "tiers.information.high_risk"),
        (BAND_HIGH, "when: risk.score", "error", "rule_fails", "tiers.information.high_risk"),
        ("when: injection && !('otp' in assurance)", "when: injection && consent && !('otp' in assurance)", "error",
         "allows_injection", "tiers.information.open"),
        ("- when: injection", "- when: parameters.x == ''", "error", "remark_fails", "remarks"),
        ("[[otp], [human]]", "[[otp], [second_human]]", "error", "empty_assurance", "tiers.credentials"),
        ("  hold_place: entitlement\n  hold_release: entitlement\n", "", "clean", "", ""),
        ("plan_change: entitlement\n  hold_place: entitlement\n  hold_release: entitlement",
         "plan_change: money", "warning", "unused_tier", "tiers.entitlement"),
        ("- name: open\n        when: \"true\"", "- name: open\n        when: risk.state == 'ok'", "warning", "no_rule",
         "tiers.information"),
    ],
)
def test_finding(old: str, new: str, level: str, code: str, place: str) -> None:
    """One change to the shipped policy, and what lint says of it."""
    assert old in TEXT
    findings = lint(load(TEXT.replace(old, new, 1)))

    if level == "clean":
        assert [] == findings
    else:
        assert (level, code, place) in [(found.level, found.code, found.place) for found in findings]


@pytest.mark.parametrize(("old", "new", "level", "code", "place"), [
    ("payment: money", "payment: information", "error", "open_sensitive_action", "actions.payment"),
    ("mfa_reset: credentials", "mfa_reset: information", "error", "open_sensitive_action", "actions.mfa_reset"),
    ("credentials:\n    assurance: [[otp], [human]]", "credentials:\n    assurance: []", "error",
     "open_sensitive_tier", "tiers.credentials"),
    ("account_state:\n    assurance: [[otp], [human]]", "account_state:\n    assurance: []", "warning",
     "assurance_not_demanded", "tiers.account_state"),
])
def test_protection_taken_away_is_found(old: str, new: str, level: str, code: str, place: str) -> None:
    """One word, and anybody gets money or an account."""
    assert old in TEXT
    found = [(finding.level, finding.code, finding.place) for finding in lint(load(TEXT.replace(old, new, 1)))]

    assert (level, code, place) in found


def test_actions_that_anybody_gets_are_listed() -> None:
    """Those of open tiers, and of those only the ones that a rule lets through."""
    assert ["balance_enquiry", "order_status", "branch_hours", "plan_enquiry"] == allowed_to_anybody(POLICY)
    everything = "- name: open\n        when: \"true\""
    narrower = TEXT.replace(everything, everything.replace("\"true\"", "action == 'order_status'"))
    assert ["order_status"] == allowed_to_anybody(load(narrower))


def test_numbers_in_rules_are_tried() -> None:
    """A rule on the score's edge is reached, and one that allows beyond it is found out."""
    text = TEXT.replace(OTP, "when: risk.score == 37", 1)

    assert ("allows_without_assurance", "tiers.credentials.code_entered") in [
        (found.code, found.place) for found in lint(load(text))
    ]


def test_a_finding_stands_once() -> None:
    """However many contexts show it."""
    findings = lint(load(TEXT.replace(BAND_HIGH, "when: risk.score")))

    assert len(set(findings)) == len(findings)
