"""Does what comes in still look like what a model knows? Deciles from its papers against what was heard lately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

BINS = 10
LEAST_WINDOWS = 500
"""Under so many windows, chance alone moves the index: its expectation is about ``(BINS - 1) / windows``."""
_MOST_WINDOWS = 20_000
_FRAME = 160
_SILENCE = 1e-10


def describe(window: NDArray[np.float32]) -> dict[str, float]:
    """What a window of net speech (n,) at 8 kHz sounds like, whatever its level. Raises ValueError under 20 ms.

    `tilt_db`: power of its first difference to its own, which is low for dull lines and high for bright or noisy ones.
    `range_db`: from the 10th to the 90th percentile of its frames of 20 ms, which noise and gain control narrow.
    """
    if len(window) < _FRAME:
        raise ValueError(f"a window has at least {_FRAME} samples")
    samples = window.astype(np.float64)
    power = np.mean(samples**2) + _SILENCE
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    low, high = np.percentile(10 * np.log10(np.mean(frames**2, axis=1) + _SILENCE), [10, 90])
    return {
        "tilt_db": float(10 * np.log10((np.mean(np.diff(samples) ** 2) + _SILENCE) / power)),
        "range_db": float(high - low),
    }


def deciles(values: NDArray[np.float64]) -> list[float]:
    """The nine inner edges of ten bins that hold equally many of `values` (n,)."""
    return [round(float(edge), 4) for edge in np.quantile(values, np.arange(1, BINS) / BINS)]


class Drift:
    """Windows counted by the decile they fall into; the last twenty thousand or so of them.

    `edges`: quantity to nine ascending edges, as in a model's papers under ``reference``.
    """

    def __init__(self, edges: Mapping[str, Sequence[float]]) -> None:
        self._edges = {name: np.asarray(inner, dtype=np.float64) for name, inner in edges.items()}
        self._counts = {name: np.zeros(BINS) for name in edges}

    def add(self, values: Mapping[str, float]) -> None:
        """Count one window; quantities that the papers do not name are passed over."""
        for name, edges in self._edges.items():
            counts = self._counts[name]
            if counts.sum() >= _MOST_WINDOWS:
                counts /= 2
            counts[np.searchsorted(edges, values[name])] += 1

    def index(self) -> dict[str, float]:
        """Population stability index of each quantity, empty until `LEAST_WINDOWS` were counted."""
        return {name: stability(counts) for name, counts in self._counts.items() if counts.sum() >= LEAST_WINDOWS}


def stability(counts: NDArray[np.float64]) -> float:
    """Population stability index of `counts` (10,) against ten even bins.

    The sum over bins of (share heard - 1/10) ln(share heard / (1/10)). By the usual rule of scorecards (Siddiqi 2006)
    0.1 asks for a look and 0.25 for action. Each bin counts half a window more, so that none is empty.
    """
    share = (counts + 0.5) / (counts + 0.5).sum()
    return float(np.sum((share - 1 / BINS) * np.log(share * BINS)))
