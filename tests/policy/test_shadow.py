"""A draft policy beside the one in force: what it would say is told for the record, and nothing follows from it."""

from __future__ import annotations

import pytest

from tests.policy.asked import ELEVATED, HIGH, LOW, POLICY, TEXT, Line
from voiceguard.events import ActionDecided
from voiceguard.policy.rules import Policy, load

STRICT = load(TEXT.replace("when: risk.band == 'high'", "when: risk.band != 'low'"))
BROKEN = load(TEXT.replace("when: risk.band == 'high'", "when: parameters.amount > 5"))


def drafted(line: Line) -> list[tuple[str, str]]:
    """What the policy in force and the draft said, in order."""
    return [(one.live.value, one.decision.value) for one in line.drafts]


def test_the_draft_is_asked_the_same_question() -> None:
    """On the same risk, with the assurance then held; it is named by its hash."""
    line = Line(shadow=STRICT)
    line.risk = ELEVATED
    line.ask()
    line.right()

    assert [("step_up", "handover"), ("allow", "handover")] == drafted(line)
    assert ("a1", "account_recovery", "credentials", "high_risk", STRICT.sha256[:12], ELEVATED) == tuple(
        getattr(line.drafts[0], name) for name in ("action_id", "action", "tier", "rule", "policy", "risk")
    )


def test_a_risk_that_rises_while_a_code_is_awaited_is_news_once() -> None:
    """When either policy would now say something else."""
    line = Line(shadow=STRICT)
    line.ask()
    for risk in (LOW, ELEVATED, ELEVATED, HIGH):
        line.turn(risk)

    assert [("step_up", "step_up"), ("step_up", "handover"), ("handover", "handover")] == drafted(line)


@pytest.mark.parametrize("shadow", [STRICT, BROKEN, POLICY])
@pytest.mark.parametrize("risk", [LOW, ELEVATED, HIGH])
def test_a_draft_changes_nothing(shadow: Policy, risk: object) -> None:
    """Whatever it says or breaks, decisions, codes and grants are those of the policy alone."""
    def play(line: Line) -> list[ActionDecided]:
        line.risk = risk  # type: ignore[assignment]
        found = line.ask() + line.ask("payment", "a2", parameters={"amount": "9"}) + line.ask("nonsense", "a3")
        if "a1" in line.codes:
            found += line.right() + line.wrong("a2")
        return [*found, *line.turn(HIGH), *line.person("approve", action_id="a2"), *line.end()]

    alone, beside = Line(), Line(shadow=shadow)
    assert play(alone) == play(beside)
    assert alone.codes == beside.codes
    assert [] == alone.drafts != beside.drafts


def test_a_draft_that_fails_would_hand_over() -> None:
    """As a policy in force that fails does."""
    line = Line(shadow=BROKEN)
    line.ask()

    assert [("step_up", "handover")] == drafted(line)
    assert "policy_fault" in {reason.code for reason in line.drafts[0].reasons}
