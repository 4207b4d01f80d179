"""What a policy says of one action, and what a draft says beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from voiceguard.events import (
    ActionRequested,
    Band,
    CustomerFacts,
    Decision,
    Risk,
    RiskState,
)
from voiceguard.policy.actions import Action, Now
from voiceguard.policy.challenges import Challenges
from voiceguard.policy.rules import load
from voiceguard.policy.ruling import drafted, ruling_of

TEXT = (Path(__file__).parents[2] / "policies" / "default.yaml").read_text(encoding="utf-8")
POLICY = load(TEXT)
AT = Now(Risk(10.0, 8.0, 1, Band.LOW, RiskState.OK, ()), consent=True, injection=False, now=1000.0)


def _asked(action: str = "account_recovery") -> Action:
    return Action(ActionRequested("a1", action, {}, CustomerFacts("customer-1")), "", POLICY.actions[action])


def _challenges(wrong_codes: int = 0) -> Challenges:
    return Challenges(POLICY.challenge, call_id="call-1", entropy=bytes, wrong_codes=wrong_codes)


def test_ruling_hangs_on_the_assurance_held() -> None:
    """A code turns a step-up into an allow."""
    action = _asked()
    before = ruling_of(POLICY, action, AT, _challenges()).decision
    action.assurance.add("otp")

    assert (Decision.STEP_UP, Decision.ALLOW) == (before, ruling_of(POLICY, action, AT, _challenges()).decision)


def test_wrong_codes_of_the_call_deny_what_is_sensitive_alone() -> None:
    """Whatever the policy says."""
    challenges = _challenges()
    while challenges.count_wrong(AT.now) is None:
        pass
    rulings = [ruling_of(POLICY, _asked(name), AT, challenges) for name in ("account_recovery", "balance_enquiry")]

    assert [("customer_locked", Decision.DENY), ("open", Decision.ALLOW)] == [
        (ruling.rule, ruling.decision) for ruling in rulings
    ]


def test_draft_is_told_once_and_again_when_the_answer_changes() -> None:
    """What was told before is no news."""
    draft, action = load(TEXT.replace('version: "1"', 'version: "2"')), _asked()
    live = ruling_of(POLICY, action, AT, _challenges())
    first, again = (drafted(draft, action, AT, _challenges(), live) for _ in range(2))
    changed = drafted(draft, action, AT, _challenges(), replace(live, decision=Decision.HANDOVER))

    assert [(1, Decision.STEP_UP), (0, None), (1, Decision.HANDOVER)] == [
        (len(told), told[0].live if told else None) for told in (first, again, changed)
    ]
