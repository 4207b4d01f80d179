"""A picture of what was heard last, for people who judge a voice by eye. Nothing of it is kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voiceguard.events import RATE_HZ, Samples

WINDOW, HOP = 256, 80
"""Samples: 32 ms and 10 ms."""
RANGE_DB = 70.0
"""From the loudest point down to black."""


def spectrogram(samples: Samples) -> NDArray[np.uint8]:
    """Samples (n,) at 8 kHz to levels (128 bands of 31.25 Hz, lowest first; 1 + (n - 256) // 80 frames), 255 at the
    loudest point and 0 from 70 dB below it. No frames for less than a window."""
    frames = max(0, 1 + (len(samples) - WINDOW) // HOP)
    if not frames:
        return np.zeros((WINDOW // 2, 0), np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(windows, axis=1))[:, : WINDOW // 2].T ** 2
    level_db = 10.0 * np.log10(np.maximum(power, 1e-12))
    scaled = (level_db - level_db.max()) / RANGE_DB + 1.0
    levels: NDArray[np.uint8] = np.round(255.0 * np.clip(scaled, 0.0, 1.0)).astype(np.uint8)
    return levels


def described(samples: Samples) -> dict[str, object]:
    """The picture's axes."""
    return {"seconds": round(len(samples) / RATE_HZ, 2), "hop_s": HOP / RATE_HZ, "top_hz": RATE_HZ // 2}
