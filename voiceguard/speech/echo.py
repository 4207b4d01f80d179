"""Which frames of the caller's leg hold only the agent's voice, come back as hybrid echo or over a loudspeaker.

Per block one linear echo path is fitted, from the agent's band to the caller's, over the two seconds before. A frame
whose energy that path explains is the agent's; where both talk, the caller's share stays unexplained, and so the frame
stays the caller's. Samples are float32 at 8 kHz, of the telephone's band; a frame is 20 ms.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft, linalg

from voiceguard.events import RATE_HZ, Samples
from voiceguard.speech.vad import FRAME_SAMPLES

_HELD_SAMPLES = 32000
"""4 s: the context, the longest delay, and what one channel may arrive later than the other."""
_LONGEST = 2800
"""Longest delay of an echo, 350 ms."""
_EARLY, _TAPS = 64, 192
"""The fitted path starts 8 ms before the strongest delay and lasts 24 ms."""
_ACTIVE = 1e-6
"""Mean power from which the agent speaks: -60 dBFS."""
_LOSS = 0.5
"""An echo has at most this share of the agent's power."""
_UNEXPLAINED = 0.6
"""Of a frame's energy: below it the frame is the agent's."""
_FAR_BELOW, _HARDLY_EXPLAINED = 0.01, 0.8
"""Of the caller's own power, and of a frame's energy: what is 20 dB below the caller's level while the agent speaks is
the agent's though the path explains little of it."""


class AgentReference:
    """The agent's last four seconds, by sample of the call's media; never scored, never handed out, never kept."""

    def __init__(self) -> None:
        self._held: Samples = np.zeros(_HELD_SAMPLES, np.float32)
        self._end = 0
        self.heard = False

    def feed(self, samples: Samples) -> None:
        """Take the agent's next samples (n,); infinite ones are clipped and NaN counts as zero."""
        self.heard = True
        self._push(np.clip(np.nan_to_num(samples), -1, 1).astype(np.float32, copy=False))

    def skip(self, samples: int) -> None:
        """Media of the agent's that did not come."""
        self._push(np.zeros(min(samples, _HELD_SAMPLES), np.float32))
        self._end += max(samples - _HELD_SAMPLES, 0)

    def _push(self, samples: Samples) -> None:
        self._end += len(samples)
        self._held = np.concatenate((self._held, samples))[-_HELD_SAMPLES:]

    def spoke(self, start: int, end: int) -> bool:
        """Whether an echo of the agent's can lie in samples `start` to `end` of the media."""
        held = self.between(start - _LONGEST, end) if self.heard else np.zeros(1, np.float32)
        return float(held @ held) >= _ACTIVE * len(held)

    def between(self, start: int, end: int) -> Samples:
        """Samples `start` to `end` of the media; zero where they are not held."""
        first = self._end - _HELD_SAMPLES
        found = np.zeros(end - start, np.float32)
        low, high = max(start, first), min(end, self._end)
        if low < high:
            found[low - start : high - start] = self._held[low - first : high - first]
        return found


def echo_frames(caller: Samples, start: int, agent: AgentReference, own_power: float) -> NDArray[np.bool_]:
    """Which frames of `caller`, (160 * frames,) from sample `start` of the media, are the agent's voice alone.

    `own_power`: mean power of the caller's speech so far, 0 where none is known.
    """
    frames = len(caller) // FRAME_SAMPLES
    reference = agent.between(start - _LONGEST - _EARLY, start + len(caller))
    if float(np.mean(reference**2)) < _ACTIVE:
        return np.zeros(frames, bool)
    caller, expected = _fit(caller, reference)
    rest = _energies(caller - expected, frames)
    energy = _energies(caller, frames)
    explained = rest < _UNEXPLAINED * energy
    spoken = np.convolve(reference**2, np.ones(_LONGEST, np.float32) / _LONGEST, "valid") if own_power else None
    if spoken is not None:
        active = spoken[_EARLY : _EARLY + frames * FRAME_SAMPLES : FRAME_SAMPLES][:frames] > _ACTIVE
        explained |= active & (rest < _HARDLY_EXPLAINED * energy) & (energy < _FAR_BELOW * own_power * FRAME_SAMPLES)
    return np.asarray(explained)


def _energies(samples: Samples, frames: int) -> NDArray[np.float32]:
    rows = samples.reshape(frames, FRAME_SAMPLES)
    return np.asarray(np.einsum("ij,ij->i", rows, rows))


def _fit(caller: Samples, reference: Samples) -> tuple[Samples, Samples]:
    """The telephone's band of the caller's samples, and what of it one echo path makes of the reference's: zeros where
    there is no such path.

    The reference begins `_LONGEST + _EARLY` samples earlier than the caller's.
    """
    size = fft.next_fast_len(len(reference) + _TAPS, real=True)
    gain = _band_gain(size)
    ahead, came = fft.rfft(reference, size) * gain, fft.rfft(caller, size) * gain
    caller = np.asarray(fft.irfft(came, size)[: len(caller)])
    cross = fft.irfft(np.conj(ahead) * came, size)
    # A path that delays by d has its peak at d - (_LONGEST + _EARLY), which wraps around.
    delays = cross[np.arange(-_LONGEST - _EARLY, 1)]
    best = int(np.abs(delays).argmax())
    first = min(max(best - _EARLY, 0), len(delays) - 1)
    lags = np.arange(first, first + _TAPS) - _LONGEST - _EARLY
    power = ahead.real**2 + ahead.imag**2
    own = fft.irfft(power, size)[:_TAPS]
    own[0] = own[0] * 1.001 + 1e-6
    path = linalg.solve_toeplitz(own, cross[lags])
    expected = fft.irfft(fft.rfft(path, size) * ahead, size)
    expected = np.asarray(np.roll(expected, first - _LONGEST - _EARLY)[: len(caller)], np.float32)
    if float(expected @ expected) / len(expected) > _LOSS * 2 * float(power.sum()) / size / len(reference):
        expected = np.zeros(len(caller), np.float32)
    return caller, expected


@lru_cache(4)
def _band_gain(size: int) -> Samples:
    """Of the bins of a transform of this size: the telephone's band, without hum, DC and what lies above."""
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    return np.asarray(np.interp(hz, (200, 300, 3400, 3600), (0, 1, 1, 0)), np.float32)
