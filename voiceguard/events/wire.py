"""What a wire protocol says of a call, in terms of no protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
"""Every sample inside voiceguard is float32 mono in [-1, 1] at this rate."""

Channel = Literal["caller", "agent"]
Encoding = Literal["pcmu", "pcma", "l16", "g722", "opus"]
Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CallStarted:
    call_id: str
    encoding: Encoding
    rate_hz: int
    """Of the stream's clock, in which places and gaps are counted: that of the samples, but 8000 for G.722 (RFC 3551
    section 4.5.2) and 48000 for Opus (RFC 7587 section 4.1)."""
    channels: tuple[Channel, ...]
    customer_ref: str | None = None
    """The platform's reference of the customer that the caller claims to be."""
    consent: frozenset[str] = frozenset()
    """Purposes the caller agreed to: "voice_analysis", "enrol", ..."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    passed_over: int = 0
    """Entries beside the call that have no form of ours, and were passed over."""
    unreadable: frozenset[str] = frozenset()
    """Which of "customer_ref" and "consent" were said in a form that nobody can read: then nobody is claimed to call,
    and nothing is agreed to."""


@dataclass(frozen=True, slots=True)
class AudioReceived:
    channel: Channel
    start_sample: int
    """Place of the first sample since the start of the stream, at the wire's rate."""
    payload: bytes
    """One channel's samples in the call's encoding; of Opus, one packet."""


@dataclass(frozen=True, slots=True)
class MediaGap:
    """Samples that never came; they are silence to the clock and nothing to the detectors."""

    channel: Channel
    start_sample: int
    samples: int


@dataclass(frozen=True, slots=True)
class MediaDropped:
    """Samples that came twice, too late or damaged, and were not used."""

    channel: Channel
    start_sample: int
    samples: int
    reason: Literal["repeated", "late", "corrupt"]


@dataclass(frozen=True, slots=True)
class MediaPaused:
    pass


@dataclass(frozen=True, slots=True)
class MediaResumed:
    passed_samples: int = 0
    """How much of the stream went by in the pause, at the wire's rate; 0 where its clock stood still."""


@dataclass(frozen=True, slots=True)
class DtmfReceived:
    channel: Channel
    digit: str
    """One of 0-9 A-D * #. Secret while a code is awaited: never in a repr."""

    def __repr__(self) -> str:
        return f"DtmfReceived(channel={self.channel!r}, digit=•)"


@dataclass(frozen=True, slots=True)
class TranscriptReceived:
    channel: Channel
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IntentDeclared:
    """The platform (IVR, bot, agent desktop) says on the stream what the caller wants; a driver turns it into an
    `ActionRequested` after it has looked up the customer."""

    action: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConsentSaid:
    """The caller agrees to purposes, or withdraws them, in the middle of the call; a driver turns it into
    `ConsentChanged` after it has looked into the ledger."""

    given: frozenset[str]
    withdrawn: frozenset[str]
    wording: str
    """Version of the words that the caller was asked with."""


@dataclass(frozen=True, slots=True)
class MarkReceived:
    name: str


@dataclass(frozen=True, slots=True)
class ReplyDue:
    """The protocol itself demands an answer: it goes out in order with our other messages, worded by `encode`."""

    message: Mapping[str, Any] = field(repr=False)
    """With `type`, as the codec's `encode` takes it."""


@dataclass(frozen=True, slots=True)
class FaultReported:
    """The peer says that something went wrong on its side or ours, in its protocol's own code."""

    code: str
    """One of few, and never free text: it becomes a metric's label."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    reason: Literal["stopped", "vanished", "stalled", "protocol_error", "revoked", "shutdown", "moved"]
    """`moved`: another worker goes on with the call."""


WireEvent = (
    CallStarted | AudioReceived | MediaGap | MediaDropped | MediaPaused | MediaResumed | DtmfReceived
    | TranscriptReceived | IntentDeclared | ConsentSaid | MarkReceived | ReplyDue | FaultReported | CallEnded
)
