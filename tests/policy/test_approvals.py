"""Who may approve what: never who asked, two persons and not two names, and what an assistant prepared."""

from __future__ import annotations

import pytest

from tests.policy.asked import LOW, Line, changed
from voiceguard.events import ActionState, Asker, Band, Risk, RiskState
from voiceguard.policy.rules import load

HIGH = Risk(8.0, 5.0, 97, Band.HIGH, RiskState.OK, ())
BOT = Asker("assistant", "bot")
MONEY = {"money": "supervisor"}


def handed_over(action: str, **options: object) -> Line:
    """A line whose action waits for people."""
    line = Line(second_approver=MONEY)
    line.risk = HIGH
    line.ask(action, **options)  # type: ignore[arg-type]
    return line


@pytest.mark.parametrize("name", ["ann", "Ann", " ANN "])
def test_who_asked_approves_nothing(name: str) -> None:
    """However the name is written; somebody else does."""
    line = handed_over("mfa_reset", asker=Asker("person", "ann"))

    assert [] == line.person("approve", name)
    assert ActionState.ALLOWED is line.person("approve", "bob")[0].state


def test_who_asked_is_no_second_approver() -> None:
    """One other person is one."""
    line = handed_over("payment", asker=Asker("person", "ann"))
    line.person("approve", "bob", role="supervisor")

    assert [] == line.person("approve", "ann")
    assert ActionState.HANDED_OVER is line.decided["a1"].state


@pytest.mark.parametrize(("roles", "allowed"), [
    (("agent", "agent"), False), (("agent", "supervisor"), True), (("supervisor", "agent"), True),
    (("agent", "agent", "agent"), False), (("agent", "agent", "supervisor"), True),
])
def test_one_of_two_approvers_of_money_is_a_supervisor(roles: tuple[str, ...], allowed: bool) -> None:
    """Two agents are not enough, and are told what is lacking."""
    line = handed_over("payment")
    for number, role in enumerate(roles):
        line.person("approve", f"person-{number}", role=role)

    assert allowed == (line.decided["a1"].state is ActionState.ALLOWED)
    assert (not allowed) == ("approver_role" in [reason.code for reason in line.decided["a1"].reasons])


def test_without_the_setting_any_two_persons_approve() -> None:
    """It is a setting."""
    line = Line()
    line.risk = HIGH
    line.ask("payment")
    line.person("approve", "ann")

    assert ActionState.ALLOWED is line.person("approve", "bob")[0].state


def test_assistant_is_answered_on_information() -> None:
    """A question of a tier that needs nothing is ruled on at once."""
    assert ActionState.ALLOWED is Line().ask("balance_enquiry", asker=BOT)[0].state


@pytest.mark.parametrize("action", ["refund", "mfa_reset", "address_change", "plan_change"])
def test_assistant_prepares_everything_else(action: str) -> None:
    """Nothing is asked of the caller, no code is sent or taken, and nobody's approval counts before a confirmation."""
    line = Line(second_approver=MONEY)
    (prepared,) = line.ask(action, asker=BOT)

    assert (ActionState.PREPARED, "handover", "bot") == (prepared.state, prepared.decision, prepared.prepared_by)
    assert {} == line.codes
    assert [] == line.code("123456") + line.keys("123456#") + line.person("approve", "sue", role="supervisor")
    assert [] == line.turn(HIGH) + line.turn(LOW)
    assert ActionState.PREPARED is line.decided["a1"].state


def test_confirmed_action_is_ruled_on() -> None:
    """As if the person had asked: a code is needed, and the decision names both."""
    line = Line()
    line.ask("mfa_reset", asker=BOT)
    line.person("accept", "ann")
    (challenged,) = line.person("confirm", "ann")
    (allowed,) = line.right()

    assert (ActionState.CHALLENGED, "bot", "ann") == (challenged.state, challenged.prepared_by, challenged.confirmed_by)
    assert (ActionState.ALLOWED, "bot", "ann") == (allowed.state, allowed.prepared_by, allowed.confirmed_by)


def test_who_confirmed_does_not_approve() -> None:
    """Confirming is asking: at a high risk another person decides."""
    line = Line()
    line.risk = HIGH
    line.ask("mfa_reset", asker=BOT)
    assert ActionState.HANDED_OVER is line.person("confirm", "ann")[0].state

    assert [] == line.person("approve", "ann")
    assert ActionState.ALLOWED is line.person("approve", "bob")[0].state


def test_prepared_action_is_refused_for_good() -> None:
    """A person who refuses ends it."""
    line = Line()
    line.ask("refund", asker=BOT)

    assert ActionState.DENIED is line.person("refuse", "ann")[0].state
    assert [] == line.person("confirm", "bob")


def test_policy_sees_who_asked_and_who_prepared() -> None:
    """A rule may forbid assistants what it likes."""
    tiers = {"money": {"assurance": [["otp"]], "rules": [
        {"name": "no_bots", "when": "principal.kind == 'assistant' && prepared_by == 'bot'", "decision": "deny",
         "reason": {"code": "no_bots", "text": "No."}},
        {"name": "code", "when": "'otp' in assurance", "decision": "allow", "reason": {"code": "c", "text": "C."}},
        {"name": "ask", "when": "true", "decision": "step_up", "reason": {"code": "a", "text": "A."}},
    ]}}
    line = Line(load(changed(actions={"refund": "money"}, tiers=tiers)))
    line.ask("refund", asker=BOT)
    line.ask("refund", "a2")

    assert "no_bots" == line.person("confirm", "ann")[0].rule
    assert ActionState.CHALLENGED is line.decided["a2"].state
