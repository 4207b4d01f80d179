"""Hum, DC, whistles and tones under a voice hide none of it, and alone are no speech."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from voiceguard.codecs import g711
from voiceguard.events import Samples
from voiceguard.speech import SpeechOptions, SpeechTrack

SAMPLES = Path(__file__).parents[2] / "samples"
VOICE = 0.3 * np.ascontiguousarray(soundfile.read(SAMPLES / "02-recovery.wav", dtype="float32")[0][: 20 * 8000, 0])
TIME = np.arange(len(VOICE)) / 8000


def sine(hz: float, peak: float) -> Samples:
    """A steady sine as long as the voice."""
    return (peak * np.sin(2 * np.pi * hz * TIME)).astype(np.float32)


def net_s(samples: NDArray[np.floating[Any]], mu_law: bool = False) -> float:
    """Net speech of a channel, linear or in mu-law, seconds."""
    track = SpeechTrack(SpeechOptions(), ())
    clipped = np.clip(samples, -1, 1).astype(np.float32)
    track.feed(g711.decode_ulaw(g711.encode_ulaw(clipped)) if mu_law else clipped)
    return track.net_s


STEADY: dict[str, Samples] = {
    "50 Hz": sine(50, 0.3), "60 Hz": sine(60, 0.1), "faint 50 Hz": sine(50, 0.02),
    "harmonics of 50 Hz": sine(50, 0.1) + sine(100, 0.05) + sine(150, 0.08) + sine(250, 0.02),
    "DC": np.full(len(VOICE), 0.05, np.float32), "much DC": np.full(len(VOICE), 0.3, np.float32),
    "whistle at 3.9 kHz": sine(3900, 0.1), "60 Hz and DC": (sine(60, 0.05) + 0.02).astype(np.float32),
}


@pytest.mark.parametrize("under", STEADY)
def test_what_lies_outside_the_band_hides_no_speech(under: str) -> None:
    """At least 90 % of the voice's net speech is heard over it, and not much more; in mu-law, whose steps grow with
    what is loud, at least 85 %, and two thirds over DC that is fifteen times the voice."""
    alone = net_s(VOICE)
    assert alone > 12
    assert 0.9 * alone <= net_s(VOICE + STEADY[under]) <= 1.1 * alone
    assert (0.66 if under == "much DC" else 0.85) * alone <= net_s(VOICE + STEADY[under], mu_law=True)


@pytest.mark.parametrize("alone", STEADY)
def test_what_lies_outside_the_band_is_no_speech(alone: str) -> None:
    """Without a voice it adds none."""
    assert net_s(STEADY[alone]) <= 0.3


def test_a_tone_in_the_band_leaves_what_is_louder_than_its_noise() -> None:
    """A test tone at 1 kHz takes at most a sixth of a voice at its own level."""
    assert net_s(VOICE + sine(1000, 0.03)) >= 0.84 * net_s(VOICE)
