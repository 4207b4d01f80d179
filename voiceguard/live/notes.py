"""What is recorded and shown of the outcomes that need no more than that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voiceguard.events import (
    IntentNoticed,
    MediaNoted,
    ShadowRuled,
    TextFlagged,
    TranscriptMasked,
    VoiceChanged,
    VoiceMatched,
    VoiceTaken,
    as_record,
)

Note = (
    TextFlagged | IntentNoticed | TranscriptMasked | ShadowRuled | VoiceChanged | VoiceMatched | VoiceTaken | MediaNoted
)


def record_of(note: Note) -> tuple[str, Mapping[str, Any]] | None:
    """Kind and facts for the call's chain; None for what is never recorded."""
    match note:
        case TextFlagged(source, channel, at_s, rules):
            return "text_flagged", {"source": source, "channel": channel, "at_s": at_s, "rules": list(rules)}
        case IntentNoticed(action, at_s, certainty):
            return "intent_noticed", {"action": action, "at_s": at_s, "certainty": certainty}
        case TranscriptMasked():
            return None
        case ShadowRuled():
            return "shadow", as_record(note)
        case VoiceChanged():
            return "voice_changed", as_record(note)
        case VoiceMatched():
            return "voice_matched", as_record(note)
        case VoiceTaken(asked, at_s, refusals):
            codes = [reason.code for reason in refusals]
            return "voice_taken", {**as_record(asked), "at_s": at_s, "refusals": codes}
        case MediaNoted(channel, kind, at_s, ms):
            return "media", {"media": kind, "channel": channel, "at_s": at_s, "ms": ms}


def event_of(note: Note) -> tuple[str, float, Mapping[str, Any]] | None:
    """Kind, media time and facts for the live feed; None for what people are not shown."""
    match note:
        case TextFlagged(source, channel, at_s, rules, text):
            return "flag", at_s, {"source": source, "channel": channel, "rules": rules, "text": text}
        case IntentNoticed(action, at_s, certainty):
            return "intent", at_s, {"action": action, "certainty": certainty}
        case TranscriptMasked(channel, at_s, text):
            return "transcript", at_s, {"channel": channel, "text": text}
        case VoiceChanged(at_s, since_s, llr):
            return "voice_changed", at_s, {"since_s": since_s, "llr": llr}
        case VoiceMatched(source, entry_id, at_s, llr):
            return "voice_matched", at_s, {"source": source, "entry_id": entry_id, "llr": llr}
        case MediaNoted(channel, kind, at_s, ms):
            return "media", at_s, {"media": kind, "channel": channel, "ms": ms}
        case ShadowRuled() | VoiceTaken():
            return None
