"""The frozen values that rooms hand to each other, in the order in which a call meets them.

Two clocks, both driven from outside: `start_sample`/`at_s` count the call's own media at 8 kHz, net speech counts only
the frames in which somebody speaks. Wall-clock time enters the core as an argument and nowhere else.
"""

from __future__ import annotations

from voiceguard.events.commands import (
    ActionRequested,
    CodeEntered,
    CustomerFacts,
    EarlierStream,
    HandoverAnswered,
    TimePassed,
    VoiceAsked,
)
from voiceguard.events.outcomes import (
    ActionDecided,
    Band,
    Challenge,
    CodeToDeliver,
    Decision,
    Evidence,
    Grant,
    IntentNoticed,
    MediaNoted,
    Outcome,
    Reason,
    Risk,
    RiskChanged,
    RiskState,
    ScoreRequested,
    ShadowRuled,
    TextFlagged,
    TranscriptMasked,
    VoiceChanged,
    VoiceMatched,
    VoiceTaken,
)
from voiceguard.events.records import as_record
from voiceguard.events.scores import ScoreMissing, ScoreReceived, Task, Window
from voiceguard.events.voices import (
    KnownVoices,
    Neighbour,
    Voice,
    VoiceList,
)
from voiceguard.events.wire import (
    RATE_HZ,
    AudioReceived,
    CallEnded,
    CallStarted,
    Channel,
    DtmfReceived,
    Encoding,
    FaultReported,
    IntentDeclared,
    MarkReceived,
    MediaDropped,
    MediaGap,
    MediaPaused,
    MediaResumed,
    ReplyDue,
    Samples,
    TranscriptReceived,
    WireEvent,
)

__all__ = [
    "ActionDecided",
    "ActionRequested",
    "AudioReceived",
    "Band",
    "CallEnded",
    "CallInput",
    "CallStarted",
    "Challenge",
    "Channel",
    "CodeEntered",
    "CodeToDeliver",
    "CustomerFacts",
    "Decision",
    "DtmfReceived",
    "EarlierStream",
    "Encoding",
    "Evidence",
    "FaultReported",
    "Grant",
    "HandoverAnswered",
    "IntentDeclared",
    "IntentNoticed",
    "KnownVoices",
    "MarkReceived",
    "MediaDropped",
    "MediaGap",
    "MediaNoted",
    "MediaPaused",
    "MediaResumed",
    "Neighbour",
    "Outcome",
    "RATE_HZ",
    "Reason",
    "ReplyDue",
    "Risk",
    "RiskChanged",
    "RiskState",
    "Samples",
    "ScoreMissing",
    "ScoreReceived",
    "ScoreRequested",
    "ShadowRuled",
    "Task",
    "TextFlagged",
    "TimePassed",
    "TranscriptMasked",
    "TranscriptReceived",
    "Voice",
    "VoiceAsked",
    "VoiceChanged",
    "VoiceList",
    "VoiceMatched",
    "VoiceTaken",
    "Window",
    "WireEvent",
    "as_record",
]

CallInput = (
    CallStarted | AudioReceived | MediaGap | MediaDropped | MediaPaused | MediaResumed | DtmfReceived
    | TranscriptReceived | MarkReceived | CallEnded | ActionRequested | CodeEntered | HandoverAnswered | VoiceAsked
    | KnownVoices | TimePassed | ScoreReceived | ScoreMissing
)
