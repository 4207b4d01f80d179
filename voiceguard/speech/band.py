"""The telephone's band of a channel, 300 to 3400 Hz, without mains hum, DC and what a line adds above it; and whether
what lies outside is steady. Samples are float32 at 8 kHz, a frame is 20 ms."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from voiceguard.events import RATE_HZ, Samples

_FRAME_SAMPLES = 160
_TAPS = _FRAME_SAMPLES + 1
_CUT_HZ = 260.0, 3500.0
"""Half amplitude. 60 dB down at 170 Hz and 3590 Hz: the first three harmonics of 50 Hz and two of 60 Hz are gone."""


def _response() -> Samples:
    places = np.arange(_TAPS) - _TAPS // 2
    low, high = (2 * hz / RATE_HZ * np.sinc(2 * hz / RATE_HZ * places) for hz in _CUT_HZ)
    return np.asarray((high - low) * np.kaiser(_TAPS, 5.65), np.float32)


_RESPONSE = _response()
_TAPER = np.hanning(_FRAME_SAMPLES).astype(np.float32)
_BIN_HZ = RATE_HZ // _FRAME_SAMPLES
_INSIDE = slice(300 // _BIN_HZ, 3400 // _BIN_HZ + 1)
_STEP_FRAMES, _STEPS = 10, 5
_LOUD = 1e-6
"""Power of -60 dBFS."""
_ABOVE_BAND = 2.0


def in_band(before: Samples, samples: Samples) -> Samples:
    """The band of samples (n,), through a linear-phase filter that delays by 10 ms. `before`: the frame before them,
    (160,)."""
    return np.convolve(np.concatenate((before, samples)), _RESPONSE, "valid").astype(np.float32, copy=False)


class OutOfBand:
    """Whether hum, DC or a whistle outside the band stands under everything that is heard, pauses included."""

    def __init__(self) -> None:
        self._new: list[Samples] = []
        self._least = math.inf
        self._floors: deque[tuple[float, float]] = deque(maxlen=_STEPS)
        """Least power outside and inside the band of each of the last steps."""
        self._is_steady = False

    def feed(self, frame: Samples, energy: float) -> bool:
        """Take one frame and its energy; whether the least of the last second lies outside, as it was at the latest
        tenth frame."""
        self._new.append(frame)
        self._least = min(self._least, energy)
        if len(self._new) == _STEP_FRAMES:
            # What is silent now and then is not steady; and most lines are.
            self._floors.append(_floors(self._new) if self._least > _LOUD * _FRAME_SAMPLES else (0.0, 0.0))
            outside = min(floor[0] for floor in self._floors)
            self._is_steady = outside > _LOUD and outside > _ABOVE_BAND * min(floor[1] for floor in self._floors)
            self._new.clear()
            self._least = math.inf
        return self._is_steady


def _floors(frames: list[Samples]) -> tuple[float, float]:
    spectrum = np.fft.rfft(np.stack(frames) * _TAPER)
    power = spectrum.real**2 + spectrum.imag**2
    inside = power[:, _INSIDE].sum(axis=1)
    outside = power.sum(axis=1) - inside
    return _TO_POWER * float(outside.min()), _TO_POWER * float(inside.min())


_TO_POWER = 2 / (_FRAME_SAMPLES * float((_TAPER**2).sum()))
"""From squared magnitudes to a frame's mean power."""
