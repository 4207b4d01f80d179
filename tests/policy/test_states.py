"""The state table: what it lists, and that nothing moves against it."""

from __future__ import annotations

from itertools import product

import pytest

from voiceguard.events import Decision
from voiceguard.policy.states import DECISION_OF, STATE_OF, TABLE, Input, State, check_move


@pytest.mark.parametrize(("state", "by", "to"), list(product(State, Input, State)))
def test_check_move_refuses_what_the_table_does_not_list(state: State, by: Input, to: State) -> None:
    """A step that the table does not list is refused whoever asks for it."""
    if to in TABLE[state].get(by, ()):
        check_move(state, by, to)
    else:
        with pytest.raises(AssertionError):
            check_move(state, by, to)


def test_final_states_lead_nowhere() -> None:
    """Allowed, denied, expired and lapsed are final."""
    final = {state for state in State if not TABLE[state]}

    assert {State.ALLOWED, State.DENIED, State.EXPIRED, State.LAPSED} == final


def test_only_ruling_a_code_or_an_approval_leads_to_allowed() -> None:
    """No time-out, risk or lock-out allows anything."""
    inputs = {by for steps in TABLE.values() for by, states in steps.items() if State.ALLOWED in states}

    assert {Input.RULED, Input.CODE_RIGHT, Input.APPROVED} == inputs


def test_every_decision_has_its_state() -> None:
    """Where a decision leads, the platform is told that decision; only a request has none."""
    assert list(Decision) == [DECISION_OF[STATE_OF[decision]] for decision in Decision]
    assert {State.REQUESTED} == set(State) - set(DECISION_OF)
