"""The states of an asked action, and where each input may lead from each of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from voiceguard.events import ActionState, Decision


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
    OVERRULED = "overruled"
    """A fault outside of the call, or what is on record."""
    PREPARED = "prepared"
    CONFIRMED = "confirmed"


_OVERRULED = {Input.OVERRULED: frozenset({ActionState.HANDED_OVER, ActionState.DENIED})}
TABLE: Mapping[ActionState, Mapping[Input, frozenset[ActionState]]] = MappingProxyType({
    ActionState.REQUESTED: {
        Input.RULED: frozenset(
            {ActionState.ALLOWED, ActionState.CHALLENGED, ActionState.HANDED_OVER, ActionState.DENIED}
        ),
        Input.PREPARED: frozenset({ActionState.PREPARED}),
        **_OVERRULED,
    },
    ActionState.PREPARED: {
        Input.ACCEPTED: frozenset({ActionState.PREPARED}),
        Input.CONFIRMED: frozenset(
            {ActionState.ALLOWED, ActionState.CHALLENGED, ActionState.HANDED_OVER, ActionState.DENIED}
        ),
        Input.REFUSED: frozenset({ActionState.DENIED}),
        **_OVERRULED,
    },
    ActionState.CHALLENGED: {
        Input.CODE_RIGHT: frozenset({ActionState.ALLOWED, ActionState.HANDED_OVER, ActionState.DENIED}),
        Input.CODE_WRONG: frozenset({ActionState.CHALLENGED, ActionState.DENIED}),
        Input.RISK_CHANGED: frozenset({ActionState.HANDED_OVER, ActionState.DENIED}),
        Input.TIME_UP: frozenset({ActionState.EXPIRED}),
        Input.LOCKED_OUT: frozenset({ActionState.DENIED}),
        Input.CALL_ENDED: frozenset({ActionState.LAPSED}),
        **_OVERRULED,
    },
    ActionState.HANDED_OVER: {
        Input.ACCEPTED: frozenset({ActionState.HANDED_OVER}),
        Input.APPROVED: frozenset({ActionState.ALLOWED, ActionState.HANDED_OVER, ActionState.DENIED}),
        Input.REFUSED: frozenset({ActionState.DENIED}),
        **_OVERRULED,
    },
    ActionState.ALLOWED: _OVERRULED,  # whose allowance was never told
    ActionState.DENIED: {},
    ActionState.EXPIRED: {},
    ActionState.LAPSED: {},
})
"""Where each input may lead from each state; an input that a state does not list changes nothing."""

DECISION_OF: Mapping[ActionState, Decision] = MappingProxyType({
    ActionState.PREPARED: Decision.HANDOVER,
    ActionState.CHALLENGED: Decision.STEP_UP,
    ActionState.HANDED_OVER: Decision.HANDOVER,
    ActionState.ALLOWED: Decision.ALLOW,
    ActionState.DENIED: Decision.DENY,
    ActionState.EXPIRED: Decision.DENY,
    ActionState.LAPSED: Decision.STEP_UP,
})
"""What the platform is told in each state."""

STATE_OF: Mapping[Decision, ActionState] = MappingProxyType({
    Decision.STEP_UP: ActionState.CHALLENGED, Decision.HANDOVER: ActionState.HANDED_OVER,
    Decision.ALLOW: ActionState.ALLOWED, Decision.DENY: ActionState.DENIED,
})
"""Where each decision of the policy leads."""


def check_move(state: ActionState, by: Input, to: ActionState) -> None:
    """Raises AssertionError for a step that the table does not list."""
    if to not in TABLE[state].get(by, frozenset()):
        raise AssertionError(f"{by} may not lead from {state} to {to}")
