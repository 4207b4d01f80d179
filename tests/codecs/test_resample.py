"""Resampling of a stream to 8 kHz."""

from __future__ import annotations

import numpy as np
import pytest

from voiceguard.codecs.resample import Resampler

TONE = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)


@pytest.mark.parametrize("cut", [160, 333, 16_000])
def test_cuts_do_not_change_the_samples(cut: int) -> None:
    """One second at 16 kHz becomes 8000 samples of the same tone, however it is fed."""
    resampler = Resampler(16_000)
    heard = np.concatenate([*(resampler.feed(TONE[at:at + cut]) for at in range(0, TONE.size, cut)), resampler.flush()])

    assert 8000 == heard.size
    assert np.abs(heard - TONE[::2])[400:-400].max() < 1e-3


def test_same_rate_passes_through() -> None:
    """At 8 kHz nothing is filtered, and nothing is held back."""
    resampler = Resampler(8000)

    assert resampler.feed(TONE) is TONE
    assert 0 == resampler.flush().size
