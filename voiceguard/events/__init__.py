"""The frozen values that rooms hand to each other, in the order in which a call meets them.

Two clocks, both driven from outside: `start_sample`/`at_s` count the call's own media at 8 kHz, net speech counts only
the frames in which somebody speaks. Wall-clock time enters the core as an argument and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import numpy as np

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
