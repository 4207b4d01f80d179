"""What the engine keeps of each asked action."""

from __future__ import annotations

from dataclasses import dataclass, field

from voiceguard.events import ActionDecided, ActionRequested, ActionState, Decision, Risk
from voiceguard.policy.challenges import OpenChallenge


@dataclass(frozen=True, slots=True)
class Now:
    """What the call knows at the moment of an input."""

    risk: Risk
    consent: bool
    injection: bool
    now: float


@dataclass(slots=True, repr=False)
class Action:
    """One action that was asked for in a call."""

    event: ActionRequested
    sha256: str
    tier: str
    state: ActionState = ActionState.REQUESTED
    assurance: set[str] = field(default_factory=set)
    approved_by: set[str] = field(default_factory=set)
    challenge: OpenChallenge | None = None
    """Set while a code is awaited."""
    last: ActionDecided | None = None
    drafted: tuple[Decision, Decision] | None = None
    """What the draft said last, and the policy in force beside it."""

    def __repr__(self) -> str:
        return f"Action({self.event.action_id!r}, {self.state})"  # digits and codes are secret
