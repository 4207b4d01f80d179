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


def frame_measures(samples: Floats) -> Floats:
    """Measures of each frame, (frames, COLUMNS).

    `samples`: (160 + 160 * frames,) of the telephone's band, the frame before the first one included.
    """
    windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::FRAME_SAMPLES] * _TAPER
    spectrum = fft.rfft(windows, _FFT, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    power[:, : _LOW_BIN - 2] = 0
    correlation = fft.irfft(power, _FFT, axis=1)
    band = power[:, _LOW_BIN:_HIGH_BIN] / _FFT + _FLOOR
    levels = 10 * np.log10(band)
    columns = np.empty((len(windows), COLUMNS), np.float32)
    columns[:, :_BANDS] = 10 * np.log10(band @ _TO_BANDS)
    columns[:, _BANDS] = 10 * np.log10(band.mean(axis=1))
    lags = correlation[:, _LAGS] / (correlation[:, :1] + 1e-6) * _LAG_GAIN
    columns[:, _BANDS + 1] = lags.max(axis=1)
    columns[:, _BANDS + 2] = np.log2(lags.argmax(axis=1) + _LAGS.start)
    columns[:, _BANDS + 3] = levels.mean(axis=1) - columns[:, _BANDS]
    shapes = levels - levels.mean(axis=1, keepdims=True)
    norms = np.sqrt((shapes**2).sum(axis=1)) + 1e-3
    for place, back in ((4, 4), (5, 10)):
        likeness = np.zeros(len(shapes), np.float32)
        if len(shapes) > back:
            likeness[back:] = (shapes[back:] * shapes[:-back]).sum(axis=1) / (norms[back:] * norms[:-back])
        columns[:, _BANDS + place] = likeness
    return columns


_LAG_GAIN = (_WINDOW / (_WINDOW - np.arange(_LAGS.start, _LAGS.stop) * 0.75)).astype(np.float32)
"""Makes up for the taper, roughly."""


def block_measures(columns: Floats, net: NDArray[np.bool_]) -> Floats:
    """Measures of a block from those of its context's frames, (frames, COLUMNS), and which of them are net speech."""
    spoken = columns[net]
    level = columns[:, _BANDS]
    bands, steps = spoken[:, :_BANDS], np.abs(np.diff(columns[:, :_BANDS], axis=0))
    shape = bands.mean(axis=0)
    harmonicity, period = spoken[:, _BANDS + 1], spoken[:, _BANDS + 2]
    glides = np.abs(np.diff(columns[:, _BANDS + 2]))
    voiced = columns[:, _BANDS + 1] > _HARMONIC
    pairs = voiced[1:] & voiced[:-1]
    glide = glides[pairs] if pairs.any() else np.ones(1, np.float32)
    own = period[harmonicity > _HARMONIC]
    quantiles = np.quantile(level, (0.1, 0.5, 0.9, 1.0))
    parts = [
        shape - shape.mean(), bands.std(axis=0), columns[:, :_BANDS].std(axis=0),
        steps.mean(axis=0) if len(steps) else np.zeros(_BANDS, np.float32),
        _modulation(columns), np.diff(quantiles), np.quantile(harmonicity, (0.1, 0.5, 0.9)),
        spoken[:, _BANDS + 3 :].mean(axis=0), spoken[:, _BANDS + 3 :].std(axis=0),
        [
            level.std(), spoken[:, _BANDS].std(), harmonicity.std(), len(own) / len(spoken),
            own.std() if len(own) else 0.0, own.mean() if len(own) else 0.0, (glide < 0.012).mean(),
            ((glide >= 0.012) & (glide < 0.12)).mean(), glide.mean(), len(columns) / CONTEXT_FRAMES, net.mean(),
            len(spoken) / CONTEXT_FRAMES,
        ],
    ]
    return np.concatenate(parts).astype(np.float32)


def _modulation(columns: Floats) -> Floats:
    """Shares of the modulation power of four groups of bands in five ranges of modulation frequency, log10."""
    groups = columns[:, :_BANDS].reshape(len(columns), 4, -1).mean(axis=2)
    spectrum = fft.rfft(groups - groups.mean(axis=0), _MODULATION_POINTS, axis=0)
    power = spectrum.real**2 + spectrum.imag**2
    sums = np.stack([power[low:high].sum(axis=0) for low, high in _MODULATION_BINS]) + 1e-3
    shares: Floats = np.log10(sums / sums.sum(axis=0)).astype(np.float32).ravel()
    return shares


_MODULATION_BINS = [
    (round(low * _MODULATION_POINTS / 50), round(high * _MODULATION_POINTS / 50))
    for low, high in zip(_MODULATION_HZ[:-1], _MODULATION_HZ[1:], strict=True)
]


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
    """Log-odds from which a block is speech."""
    goes_on: float = 0.0
    """Less than that is needed soon after speech."""

    def log_odds(self, measures: Floats) -> float:
        """Log-odds that a block with these measures is a person speaking."""
        scaled = np.clip((measures - self.mean) / self.scale, -8, 8)
        return float(np.maximum(scaled @ self.hidden + self.hidden_bias, 0) @ self.output) + self.output_bias
