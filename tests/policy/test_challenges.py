"""Step-ups of a call: codes, keys, tries, lock-out, time."""

from __future__ import annotations

import pyotp
import pytest

from tests.policy.asked import NOW, SECRET, TEXT, Line
from voiceguard.events import ActionState, CustomerFacts, Decision
from voiceguard.policy import load
from voiceguard.policy.grants import parameters_sha256
from voiceguard.policy.keypad import PAUSE_S


def test_allowed_action_carries_a_bound_grant() -> None:
    """The grant names call, customer, action and parameters, and lasts two minutes."""
    line = Line()
    line.ask("refund", parameters={"amount": "12"})
    grant = line.right()[0].grant

    assert grant is not None
    assert ("call-1", "customer-1", "refund", parameters_sha256({"amount": "12"}), NOW + 120) == (
        grant.call_id, grant.customer_ref, grant.action, grant.parameters_sha256, grant.expires_at
    )


def test_open_action_needs_no_grant() -> None:
    """Information is allowed without one."""
    assert Line().ask("branch_hours")[0].grant is None


def test_code_is_for_one_action_only() -> None:
    """The code of one action is a wrong code for another."""
    line = Line()
    line.ask()
    line.ask("payment", "a2")

    assert ["wrong_code"] == [outcome.reasons[0].code for outcome in line.code(line.codes["a1"], "a2")]


def test_three_wrong_codes_deny_and_lock() -> None:
    """The third wrong code denies this and every other pending action and locks the customer for 15 minutes."""
    line = Line()
    line.ask()
    line.ask("payment", "a2")

    assert [2, 1] == [outcome.challenge.tries_left for _ in range(2) for outcome in line.wrong() if outcome.challenge]
    outcomes = line.wrong()
    assert [("a1", "denied", NOW + 900), ("a2", "denied", None)] == [
        (outcome.action_id, outcome.state, outcome.lock_customer_until) for outcome in outcomes
    ]
    assert {"too_many_tries"} == {outcome.reasons[0].code for outcome in outcomes}
    assert "customer_locked" == line.ask(action_id="a3")[0].reasons[0].code


def test_asking_again_gives_no_fresh_tries() -> None:
    """Wrong codes of one call count over all its challenges."""
    line = Line()
    line.ask()
    line.wrong()
    line.wrong()
    challenge = line.ask(action_id="a2")[0].challenge

    assert challenge is not None
    assert 1 == challenge.tries_left
    assert [ActionState.DENIED, ActionState.DENIED] == [outcome.state for outcome in line.wrong("a2")]


def test_lock_out_ends() -> None:
    """After 15 minutes the customer has three tries again."""
    line = Line()
    line.ask()
    for _ in range(3):
        line.wrong()
    line.now += 900
    challenge = line.ask(action_id="a2")[0].challenge

    assert challenge is not None
    assert 3 == challenge.tries_left


@pytest.mark.parametrize(
    ("methods", "secret", "expected"),
    [
        ("[totp, delivered_code]", SECRET, "totp"),
        ("[totp, delivered_code]", None, "delivered_code"),
        ("[totp, delivered_code]", "damaged!", "delivered_code"),
        ("[delivered_code]", SECRET, "delivered_code"),
        ("[totp]", None, None),
    ],
)
def test_the_first_method_that_the_customer_has(methods: str, secret: str | None, expected: str | None) -> None:
    """With none a person decides."""
    line = Line(load(TEXT.replace("[totp, delivered_code]", methods)))
    outcome = line.ask(customer=CustomerFacts("customer-1", totp_secret=secret))[0]

    assert expected == (None if outcome.challenge is None else outcome.challenge.method)
    assert (ActionState.CHALLENGED if expected else ActionState.HANDED_OVER) == outcome.state
    assert (expected == "delivered_code") == ("a1" in line.codes)


def test_right_code_forgives_wrong_ones() -> None:
    """A success resets the count."""
    line = Line()
    line.ask()
    line.wrong()
    line.wrong()
    line.right()
    challenge = line.ask(action_id="a2")[0].challenge

    assert challenge is not None
    assert 3 == challenge.tries_left


def test_late_code_expires_without_a_tick() -> None:
    """The right code in second 300 is too late."""
    line = Line()
    line.ask()
    line.now += 300

    assert [ActionState.EXPIRED] == [outcome.state for outcome in line.right()]
    assert Decision.DENY == line.decided["a1"].decision


def test_keys_go_to_the_latest_challenge() -> None:
    """Digits begun for an older challenge are forgotten; the older code is keyed after a pause."""
    line = Line()
    line.ask()
    line.keys("12")
    line.ask("payment", "a2")

    assert ["a2"] == [outcome.action_id for outcome in line.keys(line.codes["a2"])]
    assert [] == line.keys(line.codes["a1"][:3])
    line.wait(PAUSE_S)
    assert [ActionState.ALLOWED] == [outcome.state for outcome in line.keys(line.codes["a1"])]


def test_totp_is_accepted_once() -> None:
    """A step is told to the store, and no later challenge takes it, or an earlier one, again."""
    customer = CustomerFacts("customer-1", totp_secret=SECRET)
    line = Line()
    challenge = line.ask(customer=customer)[0].challenge
    assert challenge is not None
    assert "totp" == challenge.method
    assert not line.codes
    code = pyotp.TOTP(SECRET).at(int(NOW))

    assert int(NOW) // 30 == line.code(code)[0].accepted_totp_step
    line.ask(action_id="a2", customer=customer)
    assert "wrong_code" == line.code(code, "a2")[0].reasons[0].code
    assert "wrong_code" == line.code(pyotp.TOTP(SECRET).at(int(NOW) - 30), "a2")[0].reasons[0].code
    assert ActionState.ALLOWED == line.code(pyotp.TOTP(SECRET).at(int(NOW) + 30), "a2")[0].state


def test_totp_of_an_earlier_call_is_not_accepted() -> None:
    """The store's last step counts."""
    line = Line()
    line.ask(customer=CustomerFacts("customer-1", totp_secret=SECRET, last_totp_step=int(NOW) // 30))

    assert "wrong_code" == line.code(pyotp.TOTP(SECRET).at(int(NOW)))[0].reasons[0].code


def test_no_code_stays_in_memory() -> None:
    """What the engine keeps, and says of itself, holds no code."""
    line = Line()
    line.ask()
    action = line.engine._actions["a1"]

    assert line.codes["a1"] not in repr(action)
    assert action.challenge is not None
    assert line.codes["a1"] not in repr((action.challenge, action.challenge.kept))
    line.right()
    assert action.challenge is None
