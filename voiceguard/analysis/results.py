"""What a replay found: one value a call, kept as JSON, from which tables, figures and the report are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from voiceguard.events import ActionState, Band, Decision, RiskState


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Point(_Kept):
    """The risk after one window."""

    at_s: float
    """Media time, seconds."""
    net_s: float
    """Net speech of the caller, seconds."""
    score: int | None
    """Posterior of fraud in percent."""
    band: Band
    state: RiskState
    evidence: Mapping[str, float]
    """Source to its contribution, nats."""

    @property
    def shift(self) -> float:
        """What all sources together add to the log-odds of fraud, nats."""
        return sum(self.evidence.values())


class Decided(_Kept):
    """One change of an action's state."""

    action_id: str
    action: str
    tier: str
    sensitive: bool
    """Whether the tier demands assurance."""
    asked_s: float
    """Media time of the question, seconds."""
    decision: Decision
    state: ActionState
    rule: str
    reasons: tuple[str, ...]
    """Codes."""
    risk: Point
    """What the decision was made on."""


class Noted(_Kept):
    """Something that was told apart from the risk."""

    at_s: float
    kind: Literal["injection", "voice_changed", "voice_matched"]
    detail: str


class Run(_Kept):
    """A call under one policy."""

    policy: str
    """First 12 hex digits of the policy's SHA-256; `recorded` where the live service decided."""
    line: tuple[Point, ...] = ()
    decided: tuple[Decided, ...] = ()
    notes: tuple[Noted, ...] = ()

    def last(self) -> dict[str, Decided]:
        """Action to what became of it in the end."""
        return {one.action: one for one in self.decided}

    def first_number(self) -> Point | None:
        """Where the risk first had a number."""
        return next((point for point in self.line if point.score is not None), None)


class CallResult(_Kept):
    """A call under every policy that was asked for."""

    call_id: str
    duration_s: float = 0.0
    net_speech_s: float = 0.0
    runs: tuple[Run, ...] = ()
    drift: Mapping[str, tuple[int, ...]] = {}
    """Quantity to how many windows fell into each of the ten bins of the model's papers."""
    error: str | None = None
    """Why there is nothing else."""
