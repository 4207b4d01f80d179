"""The states of an asked action, and where each input may lead from each of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from voiceguard.events import Decision


class State(StrEnum):
    REQUESTED = "requested"
    CHALLENGED = "challenged"
    HANDED_OVER = "handed_over"
    ALLOWED = "allowed"
    DENIED = "denied"
    EXPIRED = "expired"
    LAPSED = "lapsed"
    """The call ended while the code was awaited: nobody decided against it, and nothing was allowed."""


class Input(StrEnum):
    RULED = "ruled"
    CODE_RIGHT = "code_right"
    CODE_WRONG = "code_wrong"
    RISK_CHANGED = "risk_changed"
    TIME_UP = "time_up"
    LOCKED_OUT = "locked_out"
    CALL_ENDED = "call_ended"
    ACCEPTED = "accepted"
    APPROVED = "approved"
    REFUSED = "refused"


TABLE: Mapping[State, Mapping[Input, frozenset[State]]] = MappingProxyType({
    State.REQUESTED: {
        Input.RULED: frozenset({State.ALLOWED, State.CHALLENGED, State.HANDED_OVER, State.DENIED}),
    },
    State.CHALLENGED: {
        Input.CODE_RIGHT: frozenset({State.ALLOWED, State.HANDED_OVER, State.DENIED}),
        Input.CODE_WRONG: frozenset({State.CHALLENGED, State.DENIED}),
        Input.RISK_CHANGED: frozenset({State.HANDED_OVER, State.DENIED}),
        Input.TIME_UP: frozenset({State.EXPIRED}),
        Input.LOCKED_OUT: frozenset({State.DENIED}),
        Input.CALL_ENDED: frozenset({State.LAPSED}),
    },
    State.HANDED_OVER: {
        Input.ACCEPTED: frozenset({State.HANDED_OVER}),
        Input.APPROVED: frozenset({State.ALLOWED, State.HANDED_OVER, State.DENIED}),
        Input.REFUSED: frozenset({State.DENIED}),
    },
    State.ALLOWED: {},
    State.DENIED: {},
    State.EXPIRED: {},
    State.LAPSED: {},
})
"""Where each input may lead from each state; an input that a state does not list changes nothing."""

DECISION_OF: Mapping[State, Decision] = MappingProxyType({
    State.CHALLENGED: Decision.STEP_UP,
    State.HANDED_OVER: Decision.HANDOVER,
    State.ALLOWED: Decision.ALLOW,
    State.DENIED: Decision.DENY,
    State.EXPIRED: Decision.DENY,
    State.LAPSED: Decision.STEP_UP,
})
"""What the platform is told in each state."""

STATE_OF: Mapping[Decision, State] = MappingProxyType({
    Decision.STEP_UP: State.CHALLENGED, Decision.HANDOVER: State.HANDED_OVER, Decision.ALLOW: State.ALLOWED,
    Decision.DENY: State.DENIED,
})
"""Where each decision of the policy leads."""


def check_move(state: State, by: Input, to: State) -> None:
    """Raises AssertionError for a step that the table does not list."""
    if to not in TABLE[state].get(by, frozenset()):
        raise AssertionError(f"{by} may not lead from {state} to {to}")
