"""The frozen values that rooms hand to each other, in the order in which a call meets them.

Two clocks, both driven from outside: `start_sample`/`at_s` count the call's own media at 8 kHz, net speech counts only
the frames in which somebody speaks. Wall-clock time enters the core as an argument and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
"""Every sample inside voiceguard is float32 mono in [-1, 1] at this rate."""

Channel = Literal["caller", "agent"]
Encoding = Literal["pcmu", "pcma", "l16"]
Samples = NDArray[np.float32]


# ── wire → call ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class CallStarted:
    call_id: str
    encoding: Encoding
    rate_hz: int
    """Rate on the wire, 8000 or 16000."""
    channels: tuple[Channel, ...]
    customer_ref: str | None = None
    """The platform's reference of the customer that the caller claims to be."""
    consent: frozenset[str] = frozenset()
    """Purposes the caller agreed to: "voice_analysis", "enrol", ..."""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AudioReceived:
    channel: Channel
    start_sample: int
    """Place of the first sample since the start of the stream, at the wire's rate."""
    payload: bytes
    """One channel's samples in the call's encoding."""


@dataclass(frozen=True, slots=True)
class MediaGap:
    """Samples that never came; they are silence to the clock and nothing to the detectors."""

    channel: Channel
    start_sample: int
    samples: int


@dataclass(frozen=True, slots=True)
class MediaDropped:
    """Samples that came twice or too late, and were not used."""

    channel: Channel
    start_sample: int
    samples: int
    reason: Literal["repeated", "late"]


@dataclass(frozen=True, slots=True)
class MediaPaused:
    pass


@dataclass(frozen=True, slots=True)
class MediaResumed:
    pass


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
class MarkReceived:
    name: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    reason: Literal["stopped", "vanished", "stalled", "protocol_error", "shutdown"]


# ── driver → call ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """What the store knows of the claimed customer when an action is asked for."""

    customer_ref: str
    totp_secret: str | None = field(default=None, repr=False)
    """Base32, RFC 6238; None: codes are delivered instead."""
    last_totp_step: int = -1
    """Last accepted RFC 6238 time step, so that no code is accepted twice."""
    locked_until: float = 0.0
    """Unix seconds until which every step-up of this customer is refused."""


@dataclass(frozen=True, slots=True)
class ActionRequested:
    action_id: str
    action: str
    parameters: Mapping[str, str]
    customer: CustomerFacts | None
    """None: nobody is claimed, or the store could not be asked; then nothing sensitive is allowed."""


@dataclass(frozen=True, slots=True)
class CodeEntered:
    action_id: str
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HandoverAnswered:
    action_id: str
    person: str
    role: str
    verdict: Literal["accept", "approve", "refuse"]
    reason: str


@dataclass(frozen=True, slots=True)
class VoiceAsked:
    """Somebody wants the caller's voice: a customer's voiceprint, or an entry of the watch list."""

    purpose: Literal["enrol", "watchlist", "link"]
    author: str
    """Who asks."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Lets time-outs fire when nothing else happens."""


Task = Literal["synthetic_voice", "synthetic_voice_verify", "speaker_embedding"]
"""`synthetic_voice_verify` is the second opinion: a slower model, asked only when an action's tier demands it."""


@dataclass(frozen=True, slots=True)
class ScoreReceived:
    window_id: int
    task: Task
    output: NDArray[np.float32]
    """The model's raw output for this window: a score (1,) or an embedding (192,)."""


@dataclass(frozen=True, slots=True)
class ScoreMissing:
    window_id: int
    task: Task
    reason: Literal["deadline", "queue_full", "model_error", "model_missing"]


CallInput = (
    CallStarted | AudioReceived | MediaGap | MediaDropped | MediaPaused | MediaResumed | DtmfReceived
    | TranscriptReceived | MarkReceived | CallEnded | ActionRequested | CodeEntered | HandoverAnswered | VoiceAsked
    | TimePassed | ScoreReceived | ScoreMissing
)
WireEvent = (
    CallStarted | AudioReceived | MediaGap | MediaDropped | MediaPaused | MediaResumed | DtmfReceived
    | TranscriptReceived | IntentDeclared | MarkReceived | CallEnded
)


# ── voices ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Voice:
    """One speaker as the speaker encoder hears them. Biometric: `as_record` refuses it, and no repr shows it."""

    embedding: NDArray[np.float32] = field(repr=False)
    """Unit length, (192,)."""
    net_speech_s: float
    """Net speech behind it, seconds."""
    windows: int
    """Windows that were heard of it."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An entry of a list of voices that lies near a caller's."""

    entry_id: str
    cosine: float
    net_speech_s: float
    """Net speech behind the entry, seconds."""


class VoiceList(Protocol):
    """Voices that are looked for in every call."""

    def __len__(self) -> int: ...

    def nearest(self, embedding: NDArray[np.float32]) -> Sequence[Neighbour]:
        """The entries that lie nearest to a unit-length embedding (192,), nearest first; at least one if there are any.
        """
        ...


@dataclass(frozen=True, slots=True)
class KnownVoices:
    """What a call's voice is compared with besides itself."""

    voiceprint: Voice | None = None
    """The claimed customer's, enrolled with consent."""
    watchlist: VoiceList | None = None
    """Known fraudsters."""
    others: VoiceList | None = None
    """Voices that other customers' calls had lately."""


# ── inside the call ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one channel's net speech that is scored as one."""

    task: Task
    samples: Samples = field(repr=False)
    end_net_s: float
    """Net speech of the channel up to the window's end, seconds."""
    end_s: float
    """Media time of the window's end, seconds."""


# ── call → driver ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ScoreRequested:
    """Answer with one `ScoreReceived` or `ScoreMissing` of the same window_id."""

    window_id: int
    window: Window


class RiskState(StrEnum):
    OK = "ok"
    INSUFFICIENT_SPEECH = "insufficient_speech"
    INCONCLUSIVE = "inconclusive"
    DETECTOR_UNAVAILABLE = "detector_unavailable"
    NO_CONSENT = "no_consent"


class Band(StrEnum):
    UNKNOWN = "unknown"
    LOW = "low"
    ELEVATED = "elevated"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Evidence:
    source: str
    """synthetic_voice, speaker_change, prompt_injection, ..."""
    llr: float
    """Natural log; positive speaks for fraud."""
    weight: float
    contribution: float
    """weight * llr: the nats this source adds to the log-odds."""
    windows: int


@dataclass(frozen=True, slots=True)
class Risk:
    """[contract] body of the `risk` message, less call_id, models and policy, which the driver adds."""

    at_s: float
    net_speech_s: float
    score: int | None
    """Posterior of fraud in percent, 0..100; None where no number is honest."""
    band: Band
    state: RiskState
    evidence: tuple[Evidence, ...]


class Decision(StrEnum):
    ALLOW = "allow"
    STEP_UP = "step_up"
    HANDOVER = "handover"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Reason:
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """A step-up that waits for its code. Never holds the code."""

    method: Literal["totp", "delivered_code"]
    expires_at: float
    """Unix seconds."""
    tries_left: int
    acr: str
    """Assurance asked for, as in RFC 9470 acr_values."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Claims of a grant, unsigned: the driver signs them as a JWT."""

    jti: str
    call_id: str
    customer_ref: str
    action: str
    parameters_sha256: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class RiskChanged:
    risk: Risk


@dataclass(frozen=True, slots=True)
class ActionDecided:
    """Every change of an action's state: persist it before anybody is told."""

    action_id: str
    action: str
    tier: str
    decision: Decision
    state: str
    """The engine's state, see voiceguard.policy.engine.State."""
    reasons: tuple[Reason, ...]
    rule: str
    """Name of the policy rule that decided."""
    risk: Risk
    parameters_sha256: str
    challenge: Challenge | None = None
    grant: Grant | None = None
    person: str | None = None
    """Who approved or refused, where a person did."""
    lock_customer_until: float | None = None
    accepted_totp_step: int | None = None


@dataclass(frozen=True, slots=True)
class CodeToDeliver:
    """The only value that ever holds a one-time code; goes to the delivery adapter and nowhere else."""

    action_id: str
    customer_ref: str
    action: str
    code: str = field(repr=False)
    expires_at: float


@dataclass(frozen=True, slots=True)
class TextFlagged:
    """A transcript that holds an injected instruction; text is masked."""

    channel: Channel
    at_s: float
    rules: tuple[str, ...]
    masked_text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IntentNoticed:
    """The transcript sounds like a request for this action; informs people, decides nothing."""

    action: str
    at_s: float


@dataclass(frozen=True, slots=True)
class TranscriptMasked:
    channel: Channel
    at_s: float
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MediaNoted:
    """A gap, repeat or pause, for the audit: the kind and how many milliseconds."""

    channel: Channel | None
    kind: Literal["gap", "repeated", "late", "paused", "resumed"]
    at_s: float
    ms: float


@dataclass(frozen=True, slots=True)
class VoiceChanged:
    """Another voice than the one that began the call has been heard since `since_s`."""

    at_s: float
    since_s: float
    """Media time from which the other voice is heard, give or take a window's hop, seconds."""
    llr: float
    """ln p(x | the voice changed) / p(x | same voice), all comparisons so far together."""


@dataclass(frozen=True, slots=True)
class VoiceMatched:
    """The caller's voice speaks for an entry of a list more than against it; told once an entry."""

    source: Literal["watchlist", "linked_voice"]
    entry_id: str
    at_s: float
    llr: float
    """ln p(x | a voice of the list) / p(x | none of them)."""


@dataclass(frozen=True, slots=True)
class VoiceTaken:
    """The answer to `VoiceAsked`: the caller's voice, or why it must not be kept."""

    asked: VoiceAsked
    at_s: float
    refusals: tuple[Reason, ...]
    voice: Voice | None = field(repr=False)
    """None where there are refusals."""


Outcome = (
    ScoreRequested | RiskChanged | ActionDecided | CodeToDeliver | TextFlagged | IntentNoticed | TranscriptMasked
    | MediaNoted | VoiceChanged | VoiceMatched | VoiceTaken
)


def as_record(value: Any) -> Any:
    """Frozen values, enums, tuples and mappings as JSON-ready data; arrays and code-bearing values are refused."""
    if isinstance(value, CodeToDeliver | CodeEntered | DtmfReceived | Voice | np.ndarray):
        raise TypeError(f"{type(value).__name__} is never recorded")
    if hasattr(value, "__dataclass_fields__"):
        return {name: as_record(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): as_record(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [as_record(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(as_record(item) for item in value)
    return value
