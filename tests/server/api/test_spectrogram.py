"""The picture of a voice: tones stand where they belong."""

from __future__ import annotations

import numpy as np
import pytest

from voiceguard.server.api.spectrogram import described, spectrogram


@pytest.mark.parametrize("hertz", [500.0, 1000.0, 3000.0])
def test_a_tone_is_a_bright_line(hertz: float) -> None:
    """At its own band, over the whole time, and nothing far from it."""
    samples = np.sin(2 * np.pi * hertz * np.arange(8000) / 8000).astype(np.float32)
    picture = spectrogram(samples)

    assert (128, 97) == picture.shape
    assert {round(hertz / 31.25)} == set(picture.argmax(axis=0))
    assert picture.max() == 255
    assert picture[round(hertz / 31.25) - 12].max() < 40


@pytest.mark.parametrize("length", [0, 255])
def test_too_little_is_no_picture(length: int) -> None:
    """Less than a window has no spectrum."""
    assert (128, 0) == spectrogram(np.zeros(length, np.float32)).shape


def test_silence_is_flat() -> None:
    """And no division by nothing."""
    assert 1 == len(np.unique(spectrogram(np.zeros(800, np.float32))))


def test_axes() -> None:
    """Seconds, and up to half the rate."""
    assert {"seconds": 0.1, "hop_s": 0.01, "top_hz": 4000} == described(np.zeros(800, np.float32))
