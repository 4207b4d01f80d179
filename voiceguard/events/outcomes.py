"""What a call answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, get_args

from voiceguard.events.commands import VoiceAsked
from voiceguard.events.scores import Window
from voiceguard.events.voices import Voice
from voiceguard.events.wire import Channel


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


ListSource = Literal["watchlist", "linked_voice"]
KnownSource = Literal["voiceprint", "watchlist", "linked_voice"]
"""What is known of voices from other calls."""
EvidenceSource = Literal[
    "synthetic_voice", "synthetic_voice_verify", "speaker_change", "voiceprint", "watchlist", "linked_voice",
    "earlier_stream", "held",
]
SOURCES: tuple[EvidenceSource, ...] = get_args(EvidenceSource)


@dataclass(frozen=True, slots=True)
class Evidence:
    source: EvidenceSource
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


class ActionState(StrEnum):
    """Where an asked action stands; `voiceguard.policy.states.TABLE` says what leads from one to another."""

    REQUESTED = "requested"
    PREPARED = "prepared"
    """An assistant asked for it: it is ruled on once a person has confirmed it."""
    CHALLENGED = "challenged"
    HANDED_OVER = "handed_over"
    ALLOWED = "allowed"
    DENIED = "denied"
    EXPIRED = "expired"
    LAPSED = "lapsed"
    """The call ended while the code was awaited: nobody decided against it, and nothing was allowed."""


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
class CodeJudged:
    """A one-time code that somebody meant, beside the one that was asked for. Never holds the code."""

    is_right: bool
    compared: int = 1
    """Codes that were compared for it."""


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
    state: ActionState
    reasons: tuple[Reason, ...]
    rule: str
    """Name of the policy rule that decided."""
    risk: Risk
    parameters_sha256: str
    challenge: Challenge | None = None
    grant: Grant | None = None
    person: str | None = None
    """Who approved or refused, where a person did."""
    prepared_by: str | None = None
    """The assistant that prepared it, where one did."""
    confirmed_by: str | None = None
    """Who confirmed what an assistant prepared."""
    lock_customer_until: float | None = None
    accepted_totp_step: int | None = None
    customer_ref: str | None = None
    """The action's own customer, for whom codes count."""
    code: CodeJudged | None = None
    """The code that led to this decision; what it changes is kept for its customer."""


@dataclass(frozen=True, slots=True)
class ShadowRuled:
    """What a draft policy says where the policy in force ruled: on the same risk, with the assurance then held.

    For the record alone: it is told to nobody and decides nothing.
    """

    action_id: str
    action: str
    tier: str
    """The draft's."""
    decision: Decision
    rule: str
    reasons: tuple[Reason, ...]
    policy: str
    """First 12 hex digits of the draft's SHA-256."""
    live: Decision
    """What the policy in force said."""
    risk: Risk


@dataclass(frozen=True, slots=True)
class CodeToDeliver:
    """The only value that ever holds a one-time code; goes to the delivery adapter and nowhere else."""

    action_id: str
    customer_ref: str
    action: str
    code: str = field(repr=False)
    expires_at: float


TextSource = Literal["transcript", "metadata", "parameters", "reason", "note", "wording"]
"""Where a text came in."""


@dataclass(frozen=True, slots=True)
class TextFlagged:
    """A text that holds an injected instruction; text is masked."""

    source: TextSource
    channel: Channel | None
    """Who said it; None where it was written."""
    at_s: float
    rules: tuple[str, ...]
    masked_text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IntentNoticed:
    """The transcript sounds like a request for this action; informs people, decides nothing."""

    action: str
    at_s: float
    certainty: float = 1.0
    """The classifier's probability; 1 where a rule heard it."""


@dataclass(frozen=True, slots=True)
class TranscriptMasked:
    channel: Channel
    at_s: float
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MediaNoted:
    """A gap, repeat, damaged packet or pause, for the audit: the kind and how many milliseconds."""

    channel: Channel | None
    kind: Literal["gap", "repeated", "late", "corrupt", "paused", "resumed"]
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

    source: ListSource
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
    | MediaNoted | ShadowRuled | VoiceChanged | VoiceMatched | VoiceTaken
)
