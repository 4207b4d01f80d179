"""Numbers that the network does not see, for the trials: of the phase, and of how the bands' levels move."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voiceguard.detectors.synthetic import prepare

Floats = NDArray[np.float32]
_FRAME, _HOP, _BINS = 400, 160, 512
_GAMMA, _ALPHA, _LIFTER = 0.9, 0.4, 8
_BANDS = 64
_RATES = np.unique(np.geomspace(1, 199, 24).astype(int))
_BAND_GROUPS = 15


def group_delay(window: Floats) -> Floats:
    """Mean and deviation over frames of the modified group delay in 64 bands, and deviation of its steps, (192,).

    Hegde, Murthy and Gadde 2007 (IEEE TASLP 15-1), with their gamma 0.9 and alpha 0.4; the spectrum is smoothed by its
    first eight cepstral coefficients. `window`: 4 s at 8 kHz.
    """
    frames = np.lib.stride_tricks.sliding_window_view(window, _FRAME)[::_HOP] * np.hamming(_FRAME)
    spectrum = np.fft.rfft(frames, _BINS)
    moved = np.fft.rfft(frames * np.arange(_FRAME), _BINS)
    cepstrum = np.fft.irfft(np.log(np.abs(spectrum) + 1e-6))
    cepstrum[:, _LIFTER : -_LIFTER + 1] = 0
    smooth = np.exp(np.fft.rfft(cepstrum).real)
    delay = (spectrum.real * moved.real + spectrum.imag * moved.imag) / smooth ** (2 * _GAMMA)
    delay = (np.sign(delay) * np.abs(delay) ** _ALPHA)[:, : _BINS // 2].reshape(len(frames), _BANDS, -1).mean(2)
    told = (delay.mean(0), delay.std(0), np.diff(delay, axis=0).std(0))
    return np.concatenate(told).astype(np.float32)


def modulation(window: Floats) -> Floats:
    """Logarithm of how much each of 15 groups of mel bands moves at each of some twenty rates up to 50 Hz."""
    levels = prepare([window], ["fbank61_16k"])[0]
    strength = np.abs(np.fft.rfft(levels - levels.mean(0), axis=0)) ** 2
    groups = np.stack([part.mean(1) for part in np.array_split(strength, _BAND_GROUPS, axis=1)], axis=1)
    return np.log(np.add.reduceat(groups, _RATES, axis=0) + 1e-6).reshape(-1).astype(np.float32)
