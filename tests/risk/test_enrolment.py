"""What may become a voiceprint: each thing that speaks against it refuses it by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from voiceguard.events import Band, Evidence, EvidenceSource, Risk, RiskState, Voice
from voiceguard.risk import EnrolmentOptions, refusals

VOICE = Voice(np.eye(192, dtype=np.float32)[0], 20.0, 12)
HEARD = (Evidence("synthetic_voice", -1.0, 2.0, -0.69, 9), Evidence("speaker_change", -2.0, 1.0, -0.69, 6))
RISK = Risk(30.0, 20.0, 1, Band.LOW, RiskState.OK, HEARD)
OPTIONS = EnrolmentOptions()


def codes(voice: Voice | None = VOICE, risk: Risk = RISK, *, consent: bool = True) -> list[str]:
    return [reason.code for reason in refusals(voice, risk, consent=consent, options=OPTIONS)]


def test_a_voice_against_which_nothing_speaks_is_kept() -> None:
    """Consent, enough speech, and evidence of every detector, none of it for fraud."""
    assert not codes()


def test_without_consent_nothing_is_kept() -> None:
    """However good the voice."""
    assert ["no_consent"] == codes(consent=False)


@pytest.mark.parametrize("voice", [None, replace(VOICE, net_speech_s=11.9), replace(VOICE, windows=5)])
def test_little_of_a_voice_is_not_enough(voice: Voice | None) -> None:
    """Neither seconds nor segments may lack."""
    assert ["insufficient_speech"] == codes(voice)


@pytest.mark.parametrize(("source", "code"), [
    ("synthetic_voice", "synthetic_voice"), ("synthetic_voice_verify", "synthetic_voice"),
    ("speaker_change", "voice_changed"), ("voiceprint", "other_voice"), ("watchlist", "watchlist"),
    ("linked_voice", "linked_voice"),
])
def test_a_doubt_refuses(source: EvidenceSource, code: str) -> None:
    """A tenth of a nat for fraud, of any source."""
    rest = tuple(item for item in HEARD if item.source != source)

    assert [code] == codes(risk=replace(RISK, evidence=(*rest, Evidence(source, 0.1, 1.0, 0.1, 3))))


@pytest.mark.parametrize("unheard", [0, 1])
def test_what_no_detector_judged_is_refused(unheard: int) -> None:
    """Silence of a detector is no verdict."""
    assert ["not_judged"] == codes(risk=replace(RISK, evidence=(HEARD[unheard],)))


def test_a_detector_that_fails_refuses() -> None:
    """Nobody knows then whose voice it is."""
    assert ["detector_unavailable"] == codes(risk=replace(RISK, state=RiskState.DETECTOR_UNAVAILABLE))
