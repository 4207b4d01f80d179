"""The telephone's band of a channel, 300 to 3400 Hz, without mains hum, DC and what a line adds above it; and whether
what lies outside is steady. Samples are float32 at 8 kHz, a frame is 20 ms."""

from __future__ import annotations

from collections import deque

import numpy as np

from voiceguard.events import RATE_HZ, Samples

_TAPS = 161
_CUT_HZ = 260.0, 3500.0
"""Half amplitude. 60 dB down at 170 Hz and 3590 Hz: the first three harmonics of 50 Hz and two of 60 Hz are gone."""


def _response() -> Samples:
    places = np.arange(_TAPS) - _TAPS // 2
    low, high = (2 * hz / RATE_HZ * np.sinc(2 * hz / RATE_HZ * places) for hz in _CUT_HZ)
    return np.asarray((high - low) * np.kaiser(_TAPS, 5.65), np.float32)


_RESPONSE = _response()
_FLOOR_FRAMES = 50
_LEAST_FRAMES = 5
_LOUD = 1e-6
"""Power of -60 dBFS."""
_ABOVE_BAND = 2.0


class BandFilter:
    """A linear-phase filter that keeps its state from frame to frame; it delays by 10 ms."""

    def __init__(self) -> None:
        self._past: Samples = np.zeros(_TAPS - 1, np.float32)

    def feed(self, samples: Samples) -> Samples:
        """The band of samples (n,), n of any length."""
        joined = np.concatenate((self._past, samples))
        self._past = joined[len(joined) - _TAPS + 1 :]
        return np.convolve(joined, _RESPONSE, "valid").astype(np.float32, copy=False)


class OutOfBand:
    """Whether hum, DC or a whistle outside the band stands under everything that is heard, pauses included."""

    def __init__(self) -> None:
        self._outside: deque[float] = deque(maxlen=_FLOOR_FRAMES)
        self._inside: deque[float] = deque(maxlen=_FLOOR_FRAMES)

    def feed(self, power: float, band_power: float) -> bool:
        """Take one frame's mean power in all and in the band; whether the least of the last second lies outside."""
        self._outside.append(max(power - band_power, 0.0))
        self._inside.append(band_power)
        floor = min(self._outside)
        return len(self._outside) >= _LEAST_FRAMES and floor > _LOUD and floor > _ABOVE_BAND * min(self._inside)
