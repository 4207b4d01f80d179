"""The engine: every state against every input, rulings, persons, and what random sequences can never do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.asked import ELEVATED, HIGH, LOW, NOW, POLICY, TEXT, Line, risk
from voiceguard.events import ActionDecided, ActionState, CustomerFacts, Decision
from voiceguard.policy import load
from voiceguard.policy.states import Input

# ── every state ──────────────────────────────────────────────────────────────────────────────────────────────────────


def challenged(line: Line) -> None:
    line.ask()


def handed_over(line: Line) -> None:
    line.risk = HIGH
    line.ask()
    line.risk = LOW


def allowed(line: Line) -> None:
    line.ask()
    line.right()


def denied(line: Line) -> None:
    line.ask()
    for _ in range(3):
        line.wrong()


def expired(line: Line) -> None:
    line.ask()
    line.wait(300)


def lapsed(line: Line) -> None:
    line.ask()
    line.end()


STATES: dict[ActionState, Callable[[Line], None]] = {
    ActionState.CHALLENGED: challenged, ActionState.HANDED_OVER: handed_over, ActionState.ALLOWED: allowed,
    ActionState.DENIED: denied, ActionState.EXPIRED: expired, ActionState.LAPSED: lapsed,
}
INPUTS: dict[str, Callable[[Line], list[ActionDecided]]] = {
    "right code": lambda line: line.code(line.codes.get("a1", "123456")),
    "wrong code": lambda line: line.wrong(),
    "right code by keys": lambda line: line.keys(line.codes.get("a1", "123456")),
    "risk goes high": lambda line: line.turn(HIGH),
    "risk stays low": lambda line: line.turn(LOW),
    "time up": lambda line: line.wait(300),
    "time passes": lambda line: line.wait(299),
    "call ends": lambda line: line.end(),
    "accept": lambda line: line.person("accept"),
    "approve": lambda line: line.person("approve"),
    "refuse": lambda line: line.person("refuse"),
}
CHANGES = {
    (ActionState.CHALLENGED, "right code"): ActionState.ALLOWED,
    (ActionState.CHALLENGED, "right code by keys"): ActionState.ALLOWED,
    (ActionState.CHALLENGED, "wrong code"): ActionState.CHALLENGED,
    (ActionState.CHALLENGED, "risk goes high"): ActionState.HANDED_OVER,
    (ActionState.CHALLENGED, "time up"): ActionState.EXPIRED,
    (ActionState.CHALLENGED, "call ends"): ActionState.LAPSED,
    (ActionState.HANDED_OVER, "accept"): ActionState.HANDED_OVER,
    (ActionState.HANDED_OVER, "approve"): ActionState.ALLOWED,
    (ActionState.HANDED_OVER, "refuse"): ActionState.DENIED,
}


@pytest.mark.parametrize(("state", "given_input"), list(product(STATES, INPUTS)))
def test_every_input_in_every_state(state: ActionState, given_input: str) -> None:
    """An input leads where the table says, and is no outcome at all where its state does not await it."""
    line = Line()
    STATES[state](line)
    assert state == line.decided["a1"].state

    outcomes = INPUTS[given_input](line)

    expected = CHANGES.get((state, given_input))
    assert ([] if expected is None else [expected.value]) == [outcome.state for outcome in outcomes]


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("action", "at", "decision"),
    [
        ("balance_enquiry", LOW, "allow"),
        ("balance_enquiry", risk("unknown", "detector_unavailable"), "allow"),
        ("balance_enquiry", HIGH, "handover"),
        ("account_recovery", LOW, "step_up"),
        ("account_recovery", ELEVATED, "step_up"),
        ("account_recovery", risk("unknown", "insufficient_speech"), "step_up"),
        ("account_recovery", risk("unknown", "detector_unavailable"), "step_up"),
        ("account_recovery", risk("unknown", "no_consent"), "step_up"),
        ("account_recovery", HIGH, "handover"),
        ("payment", LOW, "step_up"),
        ("payment", HIGH, "handover"),
        ("open_the_vault", LOW, "deny"),
    ],
)
def test_first_ruling(action: str, at: Any, decision: str) -> None:
    """What the shipped policy says before anybody gave a code."""
    line = Line()
    line.risk = at

    assert [decision] == [outcome.decision for outcome in line.ask(action)]


@pytest.mark.parametrize(
    ("action", "at", "decision"),
    [
        ("account_recovery", LOW, "allow"),
        ("account_recovery", ELEVATED, "allow"),
        ("address_change", risk("unknown", "inconclusive"), "allow"),
        ("plan_change", risk("unknown", "detector_unavailable"), "allow"),
        ("payment", LOW, "allow"),
        ("payment", ELEVATED, "handover"),
        ("payment", risk("unknown", "detector_unavailable"), "handover"),
        ("payment", risk("low", "inconclusive"), "handover"),
    ],
)
def test_ruling_after_a_right_code(action: str, at: Any, decision: str) -> None:
    """The policy is asked again with the code and the present risk."""
    line = Line()
    line.ask(action)
    line.risk = at

    assert [decision] == [outcome.decision for outcome in line.right()]


def test_repeated_request_gets_the_same_decision_and_no_second_code() -> None:
    """A repeated action_id changes nothing, whatever it says."""
    line = Line()
    first = line.ask()
    code = line.codes["a1"]

    assert first == line.ask("payment")
    assert code == line.codes["a1"]


def test_nobody_gets_nothing_sensitive() -> None:
    """Without a customer a sensitive action is denied, an open one is not."""
    line = Line()

    assert ["customer_missing"] == [reason.code for reason in line.ask(customer=None)[0].reasons]
    assert [Decision.ALLOW] == [outcome.decision for outcome in line.ask("order_status", "a2", customer=None)]


def test_locked_customer_is_denied() -> None:
    """A lock-out of an earlier call holds until its second."""
    customer = CustomerFacts("customer-1", locked_until=NOW + 1)
    line = Line()

    assert "customer_locked" == line.ask(customer=customer)[0].reasons[0].code
    line.now += 1
    assert Decision.STEP_UP == line.ask(action_id="a2", customer=customer)[0].decision


def test_injected_instruction_never_lowers() -> None:
    """On an injected instruction even an open action asks for a code, and says why."""
    line = Line()
    line.injection = True

    for action_id, action in (("a1", "account_recovery"), ("a2", "balance_enquiry")):
        outcome = line.ask(action, action_id)[0]
        assert Decision.STEP_UP == outcome.decision
        assert "prompt_injection" in [reason.code for reason in outcome.reasons]


def test_open_action_that_needs_a_code_of_nobody_is_handed_over() -> None:
    """Where no code can be asked, a person decides."""
    line = Line()
    line.injection = True

    assert ["no_step_up", "code_needed", "prompt_injection"] == [
        reason.code for reason in line.ask("balance_enquiry", customer=None)[0].reasons
    ]
    assert ActionState.HANDED_OVER == line.decided["a1"].state


# ── persons ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_person_is_named() -> None:
    """An approval allows, with a grant, and says whose it was."""
    line = Line()
    handed_over(line)
    line.risk = HIGH
    outcome = line.person("approve", "Ann")[0]

    assert (ActionState.ALLOWED, "Ann") == (outcome.state, outcome.person)
    assert outcome.grant is not None


def test_money_needs_two_persons() -> None:
    """The same person twice, however spelt, is one person."""
    line = Line()
    line.risk = HIGH
    line.ask("payment")

    for name in ("ann", "ANN "):
        outcome = line.person("approve", name)[0]
        assert (ActionState.HANDED_OVER, "second_approval_needed") == (outcome.state, outcome.reasons[0].code)
    assert ActionState.ALLOWED == line.person("approve", "bob")[0].state


def test_one_person_and_a_code_do_not_move_money() -> None:
    """A code that was not enough does not stand for the second person."""
    line = Line()
    line.ask("payment")
    line.risk = ELEVATED
    line.right()

    assert ActionState.HANDED_OVER == line.person("approve")[0].state


def test_handover_outlives_the_call() -> None:
    """What a person holds stays with the person."""
    line = Line()
    handed_over(line)
    line.ask(action_id="a2")

    assert ["a2"] == [outcome.action_id for outcome in line.end()]
    assert ActionState.ALLOWED == line.person("approve")[0].state


def test_lock_out_stops_an_approval() -> None:
    """After too many wrong codes in this call no person's approval goes through either."""
    line = Line()
    handed_over(line)
    line.ask(action_id="a2")
    for _ in range(3):
        line.wrong("a2")

    assert (ActionState.DENIED, "customer_locked") == (
        line.person("approve")[0].state, line.decided["a1"].reasons[0].code
    )


# ── what can never happen ────────────────────────────────────────────────────────────────────────────────────────────


def test_policy_that_allows_everything_allows_nothing_sensitive() -> None:
    """A tier's assurance holds against its own rules."""
    line = Line(load(TEXT.replace("decision: step_up", "decision: allow")))

    outcome = line.ask()[0]
    assert (ActionState.HANDED_OVER, "policy_fault", None) == (outcome.state, outcome.reasons[0].code, outcome.grant)


def test_policy_that_is_never_content_with_a_code_hands_over() -> None:
    """A right code is not followed by another challenge."""
    line = Line(load(TEXT.replace("\"'otp' in assurance\"", '"false"', 1)))
    line.ask()

    assert [ActionState.HANDED_OVER] == [outcome.state for outcome in line.right()]


def test_allow_is_refused_without_assurance() -> None:
    """The one way to a grant checks for itself."""
    line = Line()
    line.ask()
    action = line.engine._actions["a1"]
    at: Any = type("At", (), {"risk": LOW, "now": NOW})
    ruling = replace(POLICY.decide("balance_enquiry", {}), decision=Decision.ALLOW)

    with pytest.raises(AssertionError):
        line.engine._allow(action, Input.CODE_RIGHT, ruling, at, person=None, totp_step=None, code=None)
    assert ActionState.CHALLENGED == action.state


ACTIONS = ("balance_enquiry", "account_recovery", "payment", "address_change", "no_such_action")
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(ACTIONS)),
    st.tuples(st.sampled_from(["right", "wrong"]), st.integers(0, 5)),
    st.tuples(st.just("keys"), st.text("0123456789*#A", max_size=8)),
    st.tuples(st.just("person"), st.integers(0, 5), st.sampled_from(["accept", "approve", "refuse"]),
              st.sampled_from(["ann", "Ann", "bob", " "])),
    st.tuples(st.just("turn"), st.sampled_from([LOW, ELEVATED, HIGH, risk("unknown", "detector_unavailable")])),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 60.0, 299.0, 1000.0])),
    st.tuples(st.just("inject")),
    st.tuples(st.just("end")),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_nothing_sensitive_without_a_code_or_persons(steps: list[tuple[Any, ...]]) -> None:
    """Whatever happens in whatever order, a sensitive action is allowed only after its own code or its persons."""
    line, asked, outcomes = Line(), 0, []
    with_code: set[str] = set()
    approved: dict[str, set[str]] = {}
    for step in steps:
        key = f"a{step[1]}" if step[0] in ("right", "wrong", "person") else ""
        match step[0]:
            case "ask":
                outcomes = line.ask(step[1], f"a{asked % 6}")
                asked += 1
            case "right":
                if key in line.engine.pending:
                    with_code.add(key)
                outcomes = line.code(line.codes.get(key, "123456"), key)
            case "wrong":
                outcomes = line.wrong(key)
            case "keys":
                before = line.engine.pending
                outcomes = line.keys(step[1])
                if before and line.codes[before[-1]] in step[1]:
                    with_code.add(before[-1])
            case "person":
                known = line.decided.get(key)
                if known and known.state is ActionState.HANDED_OVER and step[2] == "approve":
                    approved.setdefault(key, set()).update([step[3].casefold().strip()] if step[3].strip() else [])
                outcomes = line.person(step[2], step[3], key)
            case "turn":
                outcomes = line.turn(step[1])
            case "wait":
                outcomes = line.wait(step[1])
            case "inject":
                line.injection = True
            case "end":
                outcomes = line.end()
        for outcome in outcomes:
            if outcome.decision is not Decision.ALLOW:
                assert outcome.grant is None
            elif outcome.action != "balance_enquiry":
                persons = len(approved.get(outcome.action_id, ()))
                assert outcome.action_id in with_code or persons >= (2 if outcome.tier == "money" else 1)
                assert outcome.grant is not None
