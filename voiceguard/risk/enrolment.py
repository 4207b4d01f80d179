"""May this voice be kept as the customer's? Refusals with their reasons, and silence when nothing speaks against it.

A voiceprint that holds somebody else's voice, or a machine's, would turn the comparison around: the customer would be
the stranger. So whatever is uncertain is refused, and the customer is asked again on another call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from voiceguard.events import Evidence, EvidenceSource, Reason, Risk, RiskState, Voice, VoiceAsked, VoiceTaken
from voiceguard.risk.speaker_change import SpeakerChange

LEAST_LISTED_S = 4.5
"""Net speech that an entry of the watch list is made of at least, seconds."""
_TOO_SHORT = Reason("insufficient_speech", f"Less than {LEAST_LISTED_S} s of the voice were heard.")


@dataclass(frozen=True)
class EnrolmentOptions:
    """How much of a voice is needed, and how sure it has to be."""

    least_speech_s: float = 12.0
    """Net speech of one and the same voice, seconds."""
    least_windows: int = 6
    """Windows of it: 3 s every 1.5 s."""
    most_evidence: float = 0.0
    """Contribution to the log-odds of fraud that each source may have, nats."""


def refusals(voice: Voice | None, risk: Risk, *, consent: bool, options: EnrolmentOptions) -> tuple[Reason, ...]:
    """Why the caller's voice must not become a voiceprint; empty when it may.

    `voice`: the voice that began the call, with all that is surely its own. `consent`: the caller agreed to it.
    """
    found = []
    if not consent:
        found.append(Reason("no_consent", "The caller's consent to be enrolled is not recorded."))
    if voice is None or voice.net_speech_s < options.least_speech_s or voice.windows < options.least_windows:
        heard = 0.0 if voice is None else voice.net_speech_s
        text = f"{heard:.1f} s of one voice were heard, {options.least_speech_s:.1f} s are needed."
        found.append(Reason("insufficient_speech", text))
    if risk.state is RiskState.DETECTOR_UNAVAILABLE:
        found.append(Reason("detector_unavailable", "A detector gave no answer, so nobody knows whose voice this is."))
    judged = {item.source for item in risk.evidence}
    if "synthetic_voice" not in judged or "speaker_change" not in judged:
        found.append(Reason("not_judged", "The voice was not judged by every detector yet."))
    found += [_REASONS[item.source] for item in risk.evidence if _speaks_against(item, options)]
    return tuple(dict.fromkeys(found))


def hand_over(
    asked: VoiceAsked, voices: SpeakerChange, risk: Risk, *, consent: bool, options: EnrolmentOptions
) -> VoiceTaken:
    """The caller's voice for whoever asked, or why it must not be kept. `consent`: the caller agreed to be enrolled."""
    if asked.purpose == "enrol":
        voice = voices.first
        reasons = refusals(voice, risk, consent=consent, options=options)
    else:
        voice = voices.now
        reasons = () if voice is not None and voice.net_speech_s >= LEAST_LISTED_S else (_TOO_SHORT,)
    return VoiceTaken(asked, risk.at_s, reasons, None if reasons else voice)


def _speaks_against(item: Evidence, options: EnrolmentOptions) -> bool:
    return item.source in _REASONS and item.contribution > options.most_evidence


_SYNTHETIC = Reason("synthetic_voice", "The voice may be synthetic.")
_REASONS: Mapping[EvidenceSource, Reason] = {
    "synthetic_voice": _SYNTHETIC,
    "synthetic_voice_verify": _SYNTHETIC,
    "held": _SYNTHETIC,
    "speaker_change": Reason("voice_changed", "More than one voice may have been heard."),
    "voiceprint": Reason("other_voice", "The voice is unlike the one that is enrolled already."),
    "watchlist": Reason("watchlist", "The voice is like one of the watch list."),
    "linked_voice": Reason("linked_voice", "The voice is like one that other customers' calls had lately."),
}
