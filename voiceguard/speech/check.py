"""Whether net speech is a person speaking: a small trained check of the two seconds that lead up to it.

webrtcvad takes music, engines and modems for speech. The check measures what speech does and they do not (syllables at
2 to 8 Hz, a pitch that glides, spectra that change) on the telephone's band, and a network with one hidden layer turns
these measures into log-odds. Samples are float32 at 8 kHz; a frame is 20 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from voiceguard.speech.vad import FRAME_SAMPLES

Floats = NDArray[np.float32]

CONTEXT_FRAMES = 100
"""Frames before the end of a block that the check looks at: 2 s."""
_WINDOW = 2 * FRAME_SAMPLES
_FFT = 512
_LOW_BIN, _HIGH_BIN = 16, 220
"""250 and 3438 Hz, the band of a telephone line."""
_BANDS = 16
_LAGS = slice(18, 134)
"""Pitch periods in samples: 60 to 444 Hz."""
_FLOOR = np.float32(1e-7)
_TO_DB = np.float32(10 / np.log(10))
"""numpy's natural logarithm of float32 runs on vectors, its decimal one does not."""
_TAPER = np.hanning(_WINDOW).astype(np.float32)
_HARMONIC = np.float32(0.5)
"""Autocorrelation from which a frame is voiced."""
_MODULATION_HZ = (0.5, 2.0, 4.0, 8.0, 12.0, 25.0)
_MODULATION_POINTS = 128


def _band_matrix() -> Floats:
    """(bins, bands): means over bands whose widths grow as the mel scale's do."""
    low_mel, high_mel = (2595 * np.log10(1 + hz / 700) for hz in (250.0, 3437.5))
    mel = np.linspace(low_mel, high_mel, _BANDS + 1)
    edges = np.round((700 * (10 ** (mel / 2595) - 1)) * _FFT / 8000).astype(int) - _LOW_BIN
    matrix = np.zeros((_HIGH_BIN - _LOW_BIN, _BANDS), np.float32)
    for band, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        matrix[low : max(high, low + 1), band] = 1 / max(high - low, 1)
    return matrix


_TO_BANDS = _band_matrix()
COLUMNS = _BANDS + 6
"""Measures of a frame: band levels (dB), level (dB), harmonicity, log2 of the pitch period, flatness (dB), and how much
the spectrum is that of 80 and of 200 ms before."""
_BACK = (4, 10)
_LEVEL, _HARMONICITY, _PERIOD = _BANDS, _BANDS + 1, _BANDS + 2


class FrameMeasures:
    """Measures of a channel's frames, each computed once, in batches of whatever size."""

    def __init__(self) -> None:
        self._shapes: Floats = np.zeros((_BACK[-1], _HIGH_BIN - _LOW_BIN), np.float32)
        """Spectra of the frames before, without their level, at unit length."""
        self.columns: Floats = np.zeros((0, COLUMNS), np.float32)
        """Measures of at most `CONTEXT_FRAMES` frames, (frames, COLUMNS), the newest last."""

    def feed(self, samples: Floats) -> None:
        """Take frames, (160 + 160 * frames,), the frame before the first one included."""
        halves = samples.reshape(-1, FRAME_SAMPLES)
        windows = np.concatenate((halves[:-1], halves[1:]), axis=1) * _TAPER
        spectrum = fft.rfft(windows, _FFT, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        power[:, : _LOW_BIN - 2] = 0
        power[:, _HIGH_BIN:] = 0
        correlation = fft.irfft(power, _FFT, axis=1)
        band = power[:, _LOW_BIN:_HIGH_BIN] * np.float32(1 / _FFT) + _FLOOR
        levels = _TO_DB * np.log(band)
        new = np.empty((len(windows), COLUMNS), np.float32)
        new[:, :_BANDS] = _TO_DB * np.log(band @ _TO_BANDS)
        new[:, _LEVEL] = _TO_DB * np.log(band.mean(axis=1))
        lags = correlation[:, _LAGS] / (correlation[:, :1] + 1e-6) * _LAG_GAIN
        peaks = lags.argmax(axis=1)
        new[:, _HARMONICITY] = lags[np.arange(len(lags)), peaks]
        new[:, _PERIOD] = np.log2(peaks + _LAGS.start)
        mean_levels = levels.mean(axis=1)
        new[:, _BANDS + 3] = mean_levels - new[:, _LEVEL]
        shapes = levels - mean_levels[:, None]
        shapes /= np.sqrt(np.einsum("ij,ij->i", shapes, shapes))[:, None] + 1e-3
        shapes = np.concatenate((self._shapes, shapes))
        for place, back in zip((_BANDS + 4, _BANDS + 5), _BACK, strict=True):
            before = shapes[_BACK[-1] - back : len(shapes) - back]
            new[:, place] = np.einsum("ij,ij->i", shapes[_BACK[-1] :], before)
        self._shapes = shapes[-_BACK[-1] :]
        self.columns = np.concatenate((self.columns, new))[-CONTEXT_FRAMES:]


_LAG_GAIN = (_WINDOW / (_WINDOW - np.arange(_LAGS.start, _LAGS.stop) * 0.75)).astype(np.float32)
"""Makes up for the taper, roughly."""


def block_measures(columns: Floats, net: NDArray[np.bool_], block: int) -> Floats:
    """Measures of a block and of what leads up to it: of its context's frames, (frames, COLUMNS), and which of them are
    net speech; the block itself is the last `block` frames. Level is none of them."""
    spoken, own, own_net = columns[net], columns[-block:], net[-block:]
    own_spoken = own[own_net]
    level, voiced = columns[:, _LEVEL], columns[:, _HARMONICITY] > _HARMONIC
    steps = np.zeros_like(columns)
    np.abs(np.subtract(columns[1:], columns[:-1], out=steps[1:]), out=steps[1:])
    glides = steps[1:, _PERIOD][voiced[1:] & voiced[:-1]]
    still, leaps = np.count_nonzero(glides < _STILL), np.count_nonzero(glides >= _LEAP)
    (mean, spread), (own_mean, own_spread) = _moments(spoken), _moments(own_spoken)
    harmonicity = spoken[:, _HARMONICITY]
    pitch = spoken[:, _PERIOD][harmonicity > _HARMONIC]
    sorted_level, harmonicity = np.sort(level), np.sort(harmonicity)
    low, middle, high = (sorted_level[round(share * (len(level) - 1))] for share in _QUANTILES)
    parts: list[Floats | list[float]] = [
        mean[:_BANDS] - _mean(mean[:_BANDS]), spread, _moments(columns[:, : _LEVEL + 2])[1],
        _mean(steps[:, :_LEVEL]), _modulation(columns), mean[_BANDS + 3 :],
        own_mean[:_BANDS] - _mean(own_mean[:_BANDS]), own_spread, own_mean[_HARMONICITY:],
        _mean(steps[-block:, : _LEVEL + 1]),
        [
            middle - low, high - middle, sorted_level[-1] - high, own_mean[_LEVEL] - mean[_LEVEL],
            *(harmonicity[round(share * (len(harmonicity) - 1))] for share in _QUANTILES),
            len(pitch) / len(spoken), float(_moments(pitch)[1]) if len(pitch) else 0.0,
            float(_mean(pitch)) if len(pitch) else 0.0,
            still / len(glides) if len(glides) else 0.0,
            (len(glides) - still - leaps) / len(glides) if len(glides) else 0.0,
            float(_mean(glides)) if len(glides) else 1.0,
            len(columns) / CONTEXT_FRAMES, len(spoken) / len(columns), len(own_spoken) / len(own),
            len(spoken) / CONTEXT_FRAMES,
        ],
    ]
    return np.concatenate(parts, dtype=np.float32)


def _mean(rows: Floats) -> Floats:
    """Means along the first axis, (columns,)."""
    return np.asarray(np.add.reduce(rows, axis=0) / np.float32(len(rows)))


def _moments(rows: Floats) -> tuple[Floats, Floats]:
    """Means and standard deviations along the first axis, each (columns,)."""
    mean = _mean(rows)
    beside = rows - mean
    return mean, np.sqrt(_mean(np.square(beside, out=beside)))


_QUANTILES = 0.1, 0.5, 0.9
_STILL, _LEAP = 0.012, 0.12
"""Steps of the pitch from frame to frame, octaves."""


def _modulation(columns: Floats) -> Floats:
    """Shares of the modulation power of four groups of bands in five ranges of modulation frequency, log10."""
    groups = columns[:, :_BANDS] @ _TO_GROUPS
    spectrum = fft.rfft((groups - _mean(groups)).T, _MODULATION_POINTS)
    power = spectrum.real**2 + spectrum.imag**2
    sums = (np.add.reduceat(power[:, : _MODULATION_BINS[-1]], _MODULATION_BINS[:-1], axis=1) + np.float32(1e-3)).T
    return np.asarray(np.log10(sums / np.add.reduce(sums, axis=0)).ravel())


_MODULATION_BINS = [round(edge * _MODULATION_POINTS / 50) for edge in _MODULATION_HZ]
_TO_GROUPS = np.kron(np.eye(4, dtype=np.float32), np.full((_BANDS // 4, 1), 4 / _BANDS, np.float32))
"""(bands, 4): means of four neighbours."""


@dataclass(frozen=True, eq=False)
class SpeechCheck:
    """The trained check's numbers: standardisation, one hidden layer of rectified units, one logistic output."""

    mean: Floats
    scale: Floats
    hidden: Floats
    """(measures, units)"""
    hidden_bias: Floats
    output: Floats
    """(units,)"""
    output_bias: float
    threshold: float
    """Taken off each block's log-odds before they are added up."""
    most: float
    """Bound of the belief, log-odds either way; it starts at its least and fades to it."""
    memory_s: float
    """Media after which a belief has faded to 1/e, seconds."""
    least: float
    """Log-odds of a block that counts when the belief is there."""
    confirmed_s: float
    """Media for which a block may wait for that, seconds."""

    def log_odds(self, measures: Floats) -> float:
        """Log-odds that a block with these measures is a person speaking."""
        scaled = np.clip((measures - self.mean) / self.scale, -8, 8)
        return float(np.maximum(scaled @ self.hidden + self.hidden_bias, 0) @ self.output) + self.output_bias
