"""The speaker encoder: windows of net speech to model input, embeddings to evidence about who speaks.

The network was trained on Kaldi's 80 log-mel bands of 16 kHz speech. `fbank80_16k` makes those bands from 8 kHz
samples: windows of 25 ms have the same bins of 31.25 Hz at either rate, so what resampling and a transform of twice the
size would give is worked out directly. Bands above 4 kHz, where a telephone line has nothing, move by half of what the
bands below the edge do: to a network that has never heard empty bands they would be a strange microphone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voiceguard.errors import ModelError

SAMPLE_RATE_HZ = 8000
WINDOW_S = 3.0
WINDOW_SAMPLES = int(WINDOW_S * SAMPLE_RATE_HZ)
MIN_WINDOW_S = 2.0
MIN_WINDOW_SAMPLES = int(MIN_WINDOW_S * SAMPLE_RATE_HZ)
BANDS = 80
DIMENSION = 192

_FRAME_SAMPLES = 200
_HOP_SAMPLES = 80
_FFT_SAMPLES = 256
_LOWEST_HZ, _HIGHEST_HZ = 20.0, 8000.0
_PRE_EMPHASIS = 0.97
# The same sound at 16 kHz has twice the samples in a frame, hence four times the power in a bin.
_POWER_AT_16_KHZ = 4.0
_POWER_FLOOR = np.float32(np.finfo(np.float32).eps)
_HALF_TAPS = 8


@dataclass(frozen=True)
class Calibration:
    """Map of a cosine to ln p(cosine | same speaker) / p(cosine | different speakers), affine in three quantities.

    Fitted on speakers, sources and lines that no benchmark uses.
    """

    scale: float
    """Nats per unit of cosine."""
    duration: float
    """Nats per e-fold of net speech on either side: more speech makes cosines of one speaker rise."""
    offset: float
    """Nats at a cosine of zero and 1 s of speech on either side."""
    min_speech_s: float
    max_speech_s: float
    """Net speech of a side counts as at least and at most this much: the range that was fitted."""
    limit: float
    """Largest evidence either way, nats: no more than the calibration set can vouch for."""


def prepare(windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Model input (batch, 298, 80) for windows of net speech at 8 kHz, each (n,); shorter ones are repeated to 3 s.

    Every band has a mean of zero over the window, so level and the line's colour count only where they push a band
    below the floor of the logarithm. Raises ValueError for no windows, and for an empty window or one longer than 3 s.
    """
    if not windows:
        raise ValueError("no windows")
    for window in windows:
        if not 0 < len(window) <= WINDOW_SAMPLES:
            raise ValueError(f"a window has 1 to {WINDOW_SAMPLES} samples, not {len(window)}")
    bands = np.stack([fbank80_16k(np.resize(window, WINDOW_SAMPLES)) for window in windows])
    return np.asarray(bands - bands.mean(axis=1, keepdims=True), dtype=np.float32)


def normalise(embeddings: ArrayLike) -> NDArray[np.float32]:
    """Embeddings (..., 192) scaled to unit length.

    Raises ModelError when one is not finite or has no length: a model that fails must not look like a voice.
    """
    values = np.asarray(embeddings, dtype=np.float32)
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    if not np.isfinite(length).all() or (length < 1e-6).any():
        raise ModelError("the speaker encoder gave an embedding without direction")
    return np.asarray(values / length, dtype=np.float32)


def enrol(embeddings: ArrayLike, weights: ArrayLike) -> NDArray[np.float32]:
    """One unit-length voiceprint (192,) of embeddings (n, 192), each weighted (n,) by its seconds of net speech.

    Raises ModelError as `normalise` does, also when the voices cancel out or there are none.
    """
    share = np.asarray(weights, dtype=np.float32)
    return normalise(np.sum(normalise(embeddings) * share[:, None], axis=0))


def cosine(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Cosine of unit-length embeddings (..., 192), broadcast against each other."""
    product = np.asarray(first, dtype=np.float64) * np.asarray(second, dtype=np.float64)
    return np.asarray(product.sum(axis=-1))


def same_speaker_llr(
    cosines: ArrayLike, first_speech_s: ArrayLike, second_speech_s: ArrayLike, calibration: Calibration
) -> NDArray[np.float64]:
    """Verification: ln p(x | same speaker) / p(x | different speakers); positive speaks for one and the same voice.

    `first_speech_s` and `second_speech_s`: net speech behind each side, seconds. Raises ModelError for a cosine that is
    not finite.
    """
    values = np.asarray(cosines, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ModelError("the speaker encoder gave a cosine that is not finite")
    seconds = [
        np.clip(np.asarray(side, dtype=np.float64), calibration.min_speech_s, calibration.max_speech_s)
        for side in (first_speech_s, second_speech_s)
    ]
    speech = np.log(seconds[0]) + np.log(seconds[1])
    evidence = calibration.scale * values + calibration.duration * speech + calibration.offset
    return np.clip(evidence, -calibration.limit, calibration.limit)


def llr(
    cosines: ArrayLike, first_speech_s: ArrayLike, second_speech_s: ArrayLike, calibration: Calibration
) -> NDArray[np.float64]:
    """Consistency: ln p(x | different speakers) / p(x | same speaker); positive speaks for a change of voice, a risk.

    The negative of `same_speaker_llr`, which see.
    """
    return -same_speaker_llr(cosines, first_speech_s, second_speech_s, calibration)


def fbank80_16k(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Kaldi's log-mel bands of 16 kHz speech, from 8 kHz samples: (n,) in, (1 + (n - 200) // 80, 80) float32 out.

    Frames of 25 ms every 10 ms, whole ones only; mean removed, pre-emphasis 0.97, Povey window, power, 80 triangles on
    Kaldi's mel scale from 20 Hz to 8 kHz, natural logarithm. Raises ValueError on fewer than 200 samples.
    """
    if samples.ndim != 1 or len(samples) < _FRAME_SAMPLES:
        raise ValueError(f"bands need one channel of at least {_FRAME_SAMPLES} samples")
    emphasised = np.convolve(samples, _emphasis())[_HALF_TAPS - 1 : _HALF_TAPS - 1 + len(samples)]
    # Kaldi removes a frame's mean first; of a constant, pre-emphasis leaves this share.
    constant = np.float32(1.0 - _PRE_EMPHASIS) * _frames(samples).mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft((_frames(emphasised) - constant) * _povey(), _FFT_SAMPLES)
    power = np.asarray(spectrum.real**2 + spectrum.imag**2, dtype=np.float32) * np.float32(_POWER_AT_16_KHZ)
    heard = np.log(np.maximum(power @ _triangles(), _POWER_FLOOR))
    return _extend(heard)


# The first band whose triangle ends above 4 kHz is 59, the last with anything below 4 kHz is 60.
_HEARD_BANDS = 61
_EDGE = slice(56, 60)
_MOVEMENT = np.float32(0.5)


def _extend(heard: NDArray[np.float32]) -> NDArray[np.float32]:
    edge = _MOVEMENT * heard[:, _EDGE].mean(axis=1, keepdims=True)
    return np.concatenate([heard, np.repeat(edge, BANDS - _HEARD_BANDS, axis=1)], axis=1)


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
def _triangles() -> NDArray[np.float32]:
    """Triangles of the bands that reach below 4 kHz, even in mel: shape (129, 61). Kaldi leaves the last bin out."""
    edges = np.linspace(_mel(_LOWEST_HZ), _mel(_HIGHEST_HZ), BANDS + 2)[: _HEARD_BANDS + 2]
    bins = _mel(np.arange(_FFT_SAMPLES // 2 + 1) * SAMPLE_RATE_HZ / _FFT_SAMPLES)[:, None]
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - lower) / (centre - lower), (upper - bins) / (upper - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights[-1] = 0.0
    return np.asarray(weights, dtype=np.float32)


def _mel(hz: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hz, dtype=np.float64) / 700.0))
