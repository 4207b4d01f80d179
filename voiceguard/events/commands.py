"""What people and clocks ask of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """What the store knows of the claimed customer when an action is asked for."""

    customer_ref: str
    totp_secret: str | None = field(default=None, repr=False)
    """Base32, RFC 6238; None: codes are delivered instead."""
    last_totp_step: int = -1
    """Last accepted RFC 6238 time step, so that no code is accepted twice."""
    locked_until: float = 0.0
    """Unix seconds until which no code of this customer is taken; inf: until a person lifts it."""
    wrong_in: tuple[str, ...] = ()
    """Calls in which codes were wrong since the last right one, the newest first."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for an action."""

    kind: Literal["machine", "person", "assistant"] = "machine"
    """An assistant is an AI agent: it prepares what a person has to confirm."""
    name: str = ""
    """The person, or the machine's key; two keys of one person have one name. Empty: not known."""


@dataclass(frozen=True, slots=True)
class ActionRequested:
    action_id: str
    action: str
    parameters: Mapping[str, str]
    customer: CustomerFacts | None
    """None: nobody is claimed, or the store could not be asked; then nothing sensitive is allowed."""
    asker: Asker = Asker()


@dataclass(frozen=True, slots=True)
class CodeEntered:
    action_id: str
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HandoverAnswered:
    action_id: str
    person: str
    role: str
    verdict: Literal["accept", "confirm", "approve", "refuse"]
    reason: str


@dataclass(frozen=True, slots=True)
class ActionOverruled:
    """A fault, or what is on record, takes an action out of the call's hands."""

    asked: ActionRequested
    code: str
    text: str
    is_denied: bool = False
    """The record denies it; otherwise a person decides."""


@dataclass(frozen=True, slots=True)
class VoiceAsked:
    """Somebody wants the caller's voice: a customer's voiceprint, or an entry of the watch list."""

    purpose: Literal["enrol", "watchlist", "link"]
    author: str
    """Who asks."""


@dataclass(frozen=True, slots=True)
class EarlierStream:
    """What is on record of a call whose process ended: the least that a new stream of it goes on with."""

    log_odds_delta: float
    """What the evidence added to the log-odds of fraud at the last recorded risk, nats."""
    wrong_codes: int
    """Wrong codes in a row at the last recorded decision."""


@dataclass(frozen=True, slots=True)
class ConsentChanged:
    """What the caller agrees to from now on."""

    given: frozenset[str]
    """Every purpose that is in force."""
    withdrawn: frozenset[str]
    """Purposes that were withdrawn, so that they are served on no other basis either."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Lets time-outs fire when nothing else happens."""
