"""The synthetic-voice detector: windows of net speech to model input, model output to calibrated evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voiceguard.detectors.features import SAMPLE_RATE_HZ, SPECTRA, normalise_level
from voiceguard.errors import ModelError

WINDOW_S = 4.0
WINDOW_SAMPLES = int(WINDOW_S * SAMPLE_RATE_HZ)
MIN_WINDOW_S = 2.0
MIN_WINDOW_SAMPLES = int(MIN_WINDOW_S * SAMPLE_RATE_HZ)


@dataclass(frozen=True)
class Calibration:
    """Affine map of raw scores to log-likelihood ratios, fitted on speech that the model was not trained on."""

    scale: float
    """Nats of evidence per unit of raw score."""
    offset: float
    """Evidence of a raw score of zero, nats."""
    limit: float
    """Largest evidence one window may give, nats, either way: no more than the calibration set can vouch for."""


def prepare(
    windows: Sequence[NDArray[np.float32]], spectra: Sequence[str] = tuple(SPECTRA)
) -> NDArray[np.float32]:
    """Model input (batch, 398, bands) for windows of net speech at 8 kHz, each (n,); shorter ones are repeated to 4 s.

    The bands are those of the named spectra side by side, 61 for ``fbank61_16k`` and 128 for ``narrow128``. Every
    window has one level, and every band a mean of zero over it: neither gain nor the line's colour tells. Raises
    ValueError for no windows, and for an empty window or one longer than 4 s.
    """
    if not windows:
        raise ValueError("no windows")
    for window in windows:
        if not 0 < len(window) <= WINDOW_SAMPLES:
            raise ValueError(f"a window has 1 to {WINDOW_SAMPLES} samples, not {len(window)}")
    level = [normalise_level(np.resize(window, WINDOW_SAMPLES)) for window in windows]
    bands = np.stack([np.concatenate([SPECTRA[name](samples) for name in spectra], axis=1) for samples in level])
    return np.asarray(bands - bands.mean(axis=1, keepdims=True), dtype=np.float32)


def llr(outputs: ArrayLike, calibration: Calibration) -> NDArray[np.float64]:
    """Raw scores (batch,) or (batch, 1) to ln p(x|spoof) / p(x|bona fide), (batch,); positive means synthetic.

    Raises ModelError when a score is not finite: a model that fails must not look like weak evidence.
    """
    raw = np.asarray(outputs, dtype=np.float64).reshape(-1)
    if not np.isfinite(raw).all():
        raise ModelError("the synthetic-voice detector gave a score that is not finite")
    return np.clip(calibration.scale * raw + calibration.offset, -calibration.limit, calibration.limit)
