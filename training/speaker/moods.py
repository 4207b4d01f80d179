"""Simulate another mood of the same speaker: change pitch, pitch range, pace and spectral tilt, keep the formants.

Speaker encoders mistake a raised voice for another person. The training set has hardly any labelled emotional speech,
so WORLD (Morise et al., IEICE Trans. E99-D, 2016) analyses genuine clips and resynthesises them with other parameters.
"""

from __future__ import annotations

import numpy as np
import pyworld
from numpy.typing import NDArray

from voiceguard.detectors.features import SAMPLE_RATE_HZ

Samples = NDArray[np.float32]
_FLOOR_HZ, _CEILING_HZ = 60.0, 500.0
_PERIOD_MS = 5.0
_TILT_FROM_HZ = 300.0


def in_another_mood(samples: Samples, rng: np.random.Generator) -> Samples:
    """Samples (n,) at 8 kHz spoken otherwise: pitch -4 to +6 semitones, its range 0.4 to 2 times, pace 0.77 to 1.33
    times, spectral tilt -5 to +5 dB an octave. Speech without pitch comes back as it is."""
    speech = samples.astype(np.float64)
    pitch, times = pyworld.dio(speech, SAMPLE_RATE_HZ, f0_floor=_FLOOR_HZ, f0_ceil=_CEILING_HZ)
    pitch = pyworld.stonemask(speech, pitch, times, SAMPLE_RATE_HZ)
    voiced = pitch > 0
    if voiced.sum() < 5:
        return samples
    envelope = pyworld.cheaptrick(speech, pitch, times, SAMPLE_RATE_HZ)
    noise = pyworld.d4c(speech, pitch, times, SAMPLE_RATE_HZ)
    middle = np.exp(np.log(pitch[voiced]).mean())
    level, liveliness = 2.0 ** (rng.uniform(-4, 6) / 12), rng.uniform(0.4, 2.0)
    moved = middle * level * (np.maximum(pitch, 1.0) / middle) ** liveliness
    moved = np.where(voiced, np.clip(moved, 0.0, 700.0), 0.0)
    tilt_db = rng.uniform(-5, 5)
    octaves = np.log2(np.maximum(np.linspace(0, SAMPLE_RATE_HZ / 2, envelope.shape[1]), _TILT_FROM_HZ) / _TILT_FROM_HZ)
    period_ms = _PERIOD_MS * rng.uniform(0.75, 1.3)
    spoken = pyworld.synthesize(moved, envelope * 10 ** (tilt_db * octaves / 10), noise, SAMPLE_RATE_HZ, period_ms)
    loudness = np.sqrt(np.mean(speech**2) / max(np.mean(spoken**2), 1e-12))
    return np.asarray(np.clip(spoken * loudness, -1.0, 1.0), dtype=np.float32)
