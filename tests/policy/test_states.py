"""The state table: what it lists, and that nothing moves against it."""

from __future__ import annotations

from itertools import product

import pytest

from voiceguard.events import ActionState, Decision
from voiceguard.policy.states import DECISION_OF, STATE_OF, TABLE, Input, check_move


@pytest.mark.parametrize(("state", "by", "to"), list(product(ActionState, Input, ActionState)))
def test_check_move_refuses_what_the_table_does_not_list(state: ActionState, by: Input, to: ActionState) -> None:
    """A step that the table does not list is refused whoever asks for it."""
    if to in TABLE[state].get(by, ()):
        check_move(state, by, to)
    else:
        with pytest.raises(AssertionError):
            check_move(state, by, to)


def test_final_states_lead_nowhere() -> None:
    """Denied, expired and lapsed are final; only a fault takes back what was allowed, before it was told."""
    final = {state for state in ActionState if not TABLE[state]}

    assert {ActionState.DENIED, ActionState.EXPIRED, ActionState.LAPSED} == final
    assert {Input.OVERRULED} == set(TABLE[ActionState.ALLOWED])


def test_only_ruling_a_code_or_a_persons_word_leads_to_allowed() -> None:
    """No time-out, risk or lock-out allows anything."""
    inputs = {by for steps in TABLE.values() for by, states in steps.items() if ActionState.ALLOWED in states}

    assert {Input.RULED, Input.CODE_RIGHT, Input.APPROVED, Input.CONFIRMED} == inputs


def test_every_decision_has_its_state() -> None:
    """Where a decision leads, the platform is told that decision; only a request has none."""
    assert list(Decision) == [DECISION_OF[STATE_OF[decision]] for decision in Decision]
    assert {ActionState.REQUESTED} == set(ActionState) - set(DECISION_OF)
