"""Voiced test sounds made from a seed: the same on every machine, nobody's voice, so that they can be kept in tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voiceguard.detectors.features import SAMPLE_RATE_HZ


def probe(seed: int, seconds: float) -> NDArray[np.float32]:
    """A gliding buzz in syllables with a little noise, (seconds * 8000,), float32 in [-1, 1]."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch_hz = rng.uniform(90, 220) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.3, 1.0) * time))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    buzz = np.zeros_like(time)
    for harmonic in range(1, 40):
        audible = harmonic * pitch_hz < 3800
        buzz += audible * np.sin(harmonic * phase + rng.uniform(0, 2 * np.pi)) / harmonic ** rng.uniform(0.8, 1.2)
    syllables = np.clip(np.sin(2 * np.pi * rng.uniform(2, 4) * time) + 0.5, 0, 1)
    return (0.1 * buzz * syllables + 0.003 * rng.standard_normal(len(time))).clip(-1, 1).astype(np.float32)
