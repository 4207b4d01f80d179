"""Linear-frequency cepstral coefficients, the front end of the ASVspoof baselines, at the telephone's rate.

Pure numpy. The settings are those of the ASVspoof 2019 and 2021 LFCC baselines (Todisco et al. 2019; Yamagishi et al.
2021): frames of 20 ms every 10 ms, a 512-point transform, 20 triangles even in hertz, 20 static coefficients with
their first and second differences. Only the band is ours: it ends at 4 kHz, where a telephone line does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from voiceguard.detectors.features import SAMPLE_RATE_HZ, normalise_level
from voiceguard.detectors.synthetic import WINDOW_SAMPLES

COEFFICIENTS = 20
BANDS = 3 * COEFFICIENTS
"""Static coefficients, first and second differences."""

_FRAME_SAMPLES = 160
_HOP_SAMPLES = 80
FRAMES = 1 + (WINDOW_SAMPLES - _FRAME_SAMPLES) // _HOP_SAMPLES
"""Whole frames of a window of 4 s."""

_FFT_SAMPLES = 512
_PRE_EMPHASIS = np.float32(0.97)
_POWER_FLOOR = np.float32(np.finfo(np.float32).eps)


def prepare(windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Model input (batch, 399, 60) for windows of net speech at 8 kHz, each (n,); shorter ones are repeated to 4 s.

    All windows get one level first, as they do for the shipped detector. Raises ValueError for no windows, and for an
    empty window or one longer than 4 s.
    """
    if not windows:
        raise ValueError("no windows")
    for window in windows:
        if not 0 < len(window) <= WINDOW_SAMPLES:
            raise ValueError(f"a window has 1 to {WINDOW_SAMPLES} samples, not {len(window)}")
    return np.stack([lfcc(normalise_level(np.resize(window, WINDOW_SAMPLES))) for window in windows])


def lfcc(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Coefficients of 8 kHz samples: (n,) in, (1 + (n - 160) // 80, 60) out, both float32.

    Raises ValueError on more than one channel or fewer than 160 samples.
    """
    if samples.ndim != 1 or len(samples) < _FRAME_SAMPLES:
        raise ValueError(f"coefficients need one channel of at least {_FRAME_SAMPLES} samples")
    emphasised = np.append(samples[:1], samples[1:] - _PRE_EMPHASIS * samples[:-1])
    frames = np.lib.stride_tricks.sliding_window_view(emphasised, _FRAME_SAMPLES)[::_HOP_SAMPLES]
    spectrum = np.fft.rfft(frames * np.hamming(_FRAME_SAMPLES).astype(np.float32), _FFT_SAMPLES)
    power = np.asarray(spectrum.real**2 + spectrum.imag**2, dtype=np.float32)
    static = np.log10(np.maximum(power @ _triangles(), _POWER_FLOOR)) @ _cosines()
    first = _difference(static)
    return np.concatenate([static, first, _difference(first)], axis=1).astype(np.float32)


def _difference(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """The next frame less the one before, the ends repeated."""
    padded = np.pad(coefficients, ((1, 1), (0, 0)), mode="edge")
    return np.asarray(padded[2:] - padded[:-2], dtype=np.float32)


@cache
def _triangles() -> NDArray[np.float32]:
    """Triangles even in hertz from 0 to 4 kHz: shape (257, 20)."""
    edges = np.linspace(0.0, SAMPLE_RATE_HZ / 2, COEFFICIENTS + 2)
    bins = np.linspace(0.0, SAMPLE_RATE_HZ / 2, _FFT_SAMPLES // 2 + 1)[:, None]
    width = edges[1]
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(bins - edges[1:-1]) / width), dtype=np.float32)


@cache
def _cosines() -> NDArray[np.float32]:
    """Orthonormal DCT-II, one column a coefficient: shape (20, 20)."""
    band = np.arange(COEFFICIENTS)[:, None] + 0.5
    cosines = np.sqrt(2.0 / COEFFICIENTS) * np.cos(np.pi / COEFFICIENTS * band * np.arange(COEFFICIENTS))
    cosines[:, 0] /= np.sqrt(2.0)
    return np.asarray(cosines, dtype=np.float32)
