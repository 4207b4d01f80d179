"""Which frames of the caller's leg hold only the agent's voice, come back as hybrid echo or over a loudspeaker.

Per block one linear echo path is fitted, from the agent's band to the caller's, over the two seconds before. A frame
whose energy that path explains is the agent's; where both talk, the caller's share stays unexplained, and so the frame
stays the caller's. Samples are float32 at 8 kHz, of the telephone's band; a frame is 20 ms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, linalg

from voiceguard.events import Samples
from voiceguard.speech.band import BandFilter
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
_UNEXPLAINED = 0.5
"""Of a frame's energy: below it the frame is the agent's."""
_FAR_BELOW, _HARDLY_EXPLAINED = 0.01, 0.8
"""Of the caller's own power, and of a frame's energy: what is 20 dB below the caller's level while the agent speaks is
the agent's though the path explains little of it."""


class AgentReference:
    """The agent's last four seconds, by sample of the call's media; never scored, never handed out, never kept."""

    def __init__(self) -> None:
        self._band = BandFilter()
        self._held: Samples = np.zeros(_HELD_SAMPLES, np.float32)
        self._end = 0
        self.heard = False

    def feed(self, samples: Samples) -> None:
        """Take the agent's next samples (n,); infinite ones are clipped and NaN counts as zero."""
        self.heard = True
        self._push(self._band.feed(np.clip(np.nan_to_num(samples), -1, 1).astype(np.float32, copy=False)))

    def skip(self, samples: int) -> None:
        """Media of the agent's that did not come."""
        self._push(np.zeros(min(samples, _HELD_SAMPLES), np.float32))
        self._end += max(samples - _HELD_SAMPLES, 0)

    def _push(self, samples: Samples) -> None:
        self._end += len(samples)
        self._held = np.concatenate((self._held, samples))[-_HELD_SAMPLES:]

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
    expected = _fit(caller, reference)
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


def _fit(caller: Samples, reference: Samples) -> Samples:
    """What of the caller's samples one echo path makes of the reference; zeros where there is no such path.

    The reference begins `_LONGEST + _EARLY` samples earlier than the caller's.
    """
    size = fft.next_fast_len(len(reference) + _TAPS, real=True)
    ahead = fft.rfft(reference, size)
    cross = fft.irfft(np.conj(ahead) * fft.rfft(caller, size), size)
    # A path that delays by d has its peak at d - (_LONGEST + _EARLY), which wraps around.
    delays = cross[np.arange(-_LONGEST - _EARLY, 1)]
    best = int(np.abs(delays).argmax())
    first = min(max(best - _EARLY, 0), len(delays) - 1)
    lags = np.arange(first, first + _TAPS) - _LONGEST - _EARLY
    own = fft.irfft(np.abs(ahead) ** 2, size)[:_TAPS]
    own[0] = own[0] * 1.001 + 1e-6
    path = linalg.solve_toeplitz(own, cross[lags])
    spectrum = fft.rfft(path, size) * ahead
    shift = _LONGEST + _EARLY - first
    expected = fft.irfft(spectrum, size)
    expected = np.asarray(np.roll(expected, -shift)[: len(caller)], np.float32)
    if float(np.mean(expected**2)) > _LOSS * float(np.mean(reference**2)):
        return np.zeros(len(caller), np.float32)
    return np.asarray(expected)
