"""Front end of both detectors: 8 kHz telephone speech to the bands that the networks know.

Pure numpy, and Fourier transforms by scipy, which takes a quarter of numpy's time for many short rows. Training imports
this very file, so a model never sees features that the running system cannot make.

The networks' first layers were trained on Kaldi's 80 log-mel bands of 16 kHz speech. `fbank80_16k` makes those bands
from 8 kHz samples: windows of 25 ms have the same bins of 31.25 Hz at either rate, so what resampling and a transform
of twice the size would give is worked out directly. Bands above 4 kHz, where a telephone line has nothing, move by half
of what the bands below the edge do: to a network that has never heard empty bands they would be a strange microphone.
The speaker encoder needs all 80; for the detector `fbank61_16k` leaves the made-up ones out.

`narrow128` beside it has the single harmonics of a voice, which Kaldi's windows are too short for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import rfft

SAMPLE_RATE_HZ = 8000
BANDS = 80
BINS = 128

_FRAME_SAMPLES = 200
_HOP_SAMPLES = 80
_FFT_SAMPLES = 256
_LOWEST_HZ, _HIGHEST_HZ = 20.0, 8000.0
_PRE_EMPHASIS = 0.97
# The same sound at 16 kHz has twice the samples in a frame, hence four times the power in a bin.
_POWER_AT_16_KHZ = 4.0
_POWER_FLOOR = np.float32(np.finfo(np.float32).eps)
_HALF_TAPS = 8
# Bands 0 to 58 end below 4 kHz, 59 and 60 reach across; what lies above follows the last four whole ones.
HEARD_BANDS = 61
_EDGE = slice(56, 60)
_MOVEMENT = np.float32(0.5)

_RMS = 0.05


def normalise_level(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Remove DC and bring a waveform of shape (n,) to a root mean square of 0.05; silence stays silence."""
    centred = samples - np.float32(samples.mean())
    rms = float(np.sqrt(np.mean(np.square(centred, dtype=np.float64))))
    if rms < 1e-7:
        return np.zeros_like(centred)
    return (centred * np.float32(_RMS / rms)).astype(np.float32)


def fbank80_16k(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Kaldi's log-mel bands of 16 kHz speech, from 8 kHz samples: (n,) in, (1 + (n - 200) // 80, 80) float32 out.

    Frames of 25 ms every 10 ms, whole ones only; mean removed, pre-emphasis 0.97, Povey window, power, 80 triangles on
    Kaldi's mel scale from 20 Hz to 8 kHz, natural logarithm. Raises ValueError on fewer than 200 samples.
    """
    heard = fbank61_16k(samples)
    edge = _MOVEMENT * heard[:, _EDGE].mean(axis=1, keepdims=True)
    return np.concatenate([heard, np.repeat(edge, BANDS - HEARD_BANDS, axis=1)], axis=1)


def fbank61_16k(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The 61 bands of `fbank80_16k` that a telephone line reaches: (n,) in, (1 + (n - 200) // 80, 61) float32 out.

    Raises ValueError on fewer than 200 samples.
    """
    if samples.ndim != 1 or len(samples) < _FRAME_SAMPLES:
        raise ValueError(f"bands need one channel of at least {_FRAME_SAMPLES} samples")
    emphasised = np.convolve(samples, _emphasis())[_HALF_TAPS - 1 : _HALF_TAPS - 1 + len(samples)]
    # Kaldi removes a frame's mean first; of a constant, pre-emphasis leaves this share.
    constant = np.float32(1.0 - _PRE_EMPHASIS) * _frames(samples).mean(axis=1, keepdims=True)
    spectrum = rfft((_frames(emphasised) - constant) * _povey(), _FFT_SAMPLES)
    power = np.asarray(spectrum.real**2 + spectrum.imag**2, dtype=np.float32) * np.float32(_POWER_AT_16_KHZ)
    return np.asarray(np.log(np.maximum(power @ _triangles(), _POWER_FLOOR)), dtype=np.float32)


_LONG_FRAME_SAMPLES = 512
_LOWEST_BIN = 4
_FAINT = np.float32(1e-6)


def narrow128(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log power of single harmonics, from 8 kHz samples: (n,) in, (1 + (n - 200) // 80, 128) float32 out.

    Bins of 15.625 Hz from 62.5 Hz to 2 kHz over frames of 64 ms, each around the middle of a frame of `fbank80_16k`
    and its mean removed; pre-emphasis 0.97, Hann window; the waveform is mirrored at its ends. Raises ValueError on
    fewer than 200 samples.
    """
    if samples.ndim != 1 or len(samples) < _FRAME_SAMPLES:
        raise ValueError(f"bins need one channel of at least {_FRAME_SAMPLES} samples")
    beyond = (_LONG_FRAME_SAMPLES - _FRAME_SAMPLES) // 2
    emphasised = np.append(samples[:1], samples[1:] - np.float32(_PRE_EMPHASIS) * samples[:-1])
    mirrored = np.pad(emphasised, beyond, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(mirrored, _LONG_FRAME_SAMPLES)[::_HOP_SAMPLES]
    spectrum = rfft((frames - frames.mean(axis=1, keepdims=True)) * _hann(), axis=1)
    heard = spectrum[:, _LOWEST_BIN : _LOWEST_BIN + BINS]
    return np.asarray(np.log(heard.real**2 + heard.imag**2 + _FAINT), dtype=np.float32)


SPECTRA: Mapping[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "fbank61_16k": fbank61_16k,
    "narrow128": narrow128,
}
"""What a model's papers may name as its front end."""


def _frames(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.lib.stride_tricks.sliding_window_view(samples, _FRAME_SAMPLES)[::_HOP_SAMPLES]


@cache
def _emphasis() -> NDArray[np.float32]:
    """x(n) - 0.97 x(n - 1/2): pre-emphasis over one sample of 16 kHz, the half sample by a windowed sinc."""
    place = np.arange(1 - _HALF_TAPS, 1 + _HALF_TAPS)
    delay = np.sinc(place - 0.5) * np.kaiser(2 * _HALF_TAPS, 5.0)
    taps = -_PRE_EMPHASIS * delay / delay.sum()
    taps[_HALF_TAPS - 1] += 1.0
    return np.asarray(taps, dtype=np.float32)


@cache
def _povey() -> NDArray[np.float32]:
    """Kaldi's own window: a Hann window to the power of 0.85."""
    phase = 2.0 * np.pi * np.arange(_FRAME_SAMPLES) / (_FRAME_SAMPLES - 1)
    return np.asarray((0.5 - 0.5 * np.cos(phase)) ** 0.85, dtype=np.float32)


@cache
def _hann() -> NDArray[np.float32]:
    return np.hanning(_LONG_FRAME_SAMPLES).astype(np.float32)


@cache
def _triangles() -> NDArray[np.float32]:
    """Triangles of the bands that reach below 4 kHz, even in mel: shape (129, 61). Kaldi leaves the last bin out."""
    edges = np.linspace(_mel(_LOWEST_HZ), _mel(_HIGHEST_HZ), BANDS + 2)[: HEARD_BANDS + 2]
    bins = _mel(np.arange(_FFT_SAMPLES // 2 + 1) * SAMPLE_RATE_HZ / _FFT_SAMPLES)[:, None]
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - lower) / (centre - lower), (upper - bins) / (upper - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights[-1] = 0.0
    return np.asarray(weights, dtype=np.float32)


def _mel(hz: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hz, dtype=np.float64) / 700.0))
