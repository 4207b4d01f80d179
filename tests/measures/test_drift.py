"""Deciles of what a model knows, and how far from them the input has moved."""

import math

import numpy as np
import pytest

from benchmarks.detection.probes import probe
from voiceguard.measures.drift import LEAST_WINDOWS, Drift, deciles, describe

EDGES = [float(edge) for edge in range(1, 10)]


def heard(values: np.ndarray) -> dict[str, float]:
    """The index after windows of these values, against bins at the whole numbers."""
    drift = Drift({"score": EDGES})
    for value in values:
        drift.add({"score": float(value), "other": 0.0})
    return drift.index()


def test_deciles_hold_equally_many() -> None:
    """A hundred numbers, ten in each bin."""
    assert deciles(np.arange(1, 101, dtype=np.float64)) == pytest.approx([10.9 + 9.9 * step for step in range(9)])


def test_the_same_population_has_no_index_to_speak_of() -> None:
    """Equally many windows in each bin."""
    assert heard(np.tile(np.arange(10) + 0.5, 100)) == {"score": pytest.approx(0.0, abs=1e-12)}


def test_index_by_hand() -> None:
    """Half of the windows leave the upper five bins for the lower ones: ten times 0.1 ln 2 or ln(1/100) in effect."""
    windows = 1000
    index = heard(np.tile(np.arange(5) + 0.5, windows // 5))["score"]

    full, empty = (200 + 0.5) / (windows + 5), 0.5 / (windows + 5)
    assert 5 * (full - 0.1) * math.log(10 * full) + 5 * (empty - 0.1) * math.log(10 * empty) == pytest.approx(index)
    assert index > 0.25


def test_few_windows_say_nothing() -> None:
    """Chance alone would raise the alarm."""
    assert {} == heard(np.zeros(LEAST_WINDOWS - 1))
    assert {"score"} == heard(np.zeros(LEAST_WINDOWS)).keys()


def test_old_windows_fade() -> None:
    """What was heard long ago does not hide what is heard now."""
    values = np.concatenate([np.tile(np.arange(10) + 0.5, 2000), np.full(60_000, 0.5)])

    assert heard(values)["score"] > 1.5


def test_description_does_not_hang_on_the_level() -> None:
    """A quiet window sounds like a loud one; a dull one has less tilt, a noisy one less range."""
    samples = probe(3, 3.0)
    loud, quiet = describe(samples), describe(samples * np.float32(0.1))
    dull = describe(np.convolve(samples, np.ones(4) / 4, "same").astype(np.float32))
    noisy = describe(samples + np.random.default_rng(1).normal(0, 0.1, len(samples)).astype(np.float32))

    assert quiet == pytest.approx(loud, abs=0.1)
    assert dull["tilt_db"] < loud["tilt_db"] - 1
    assert noisy["range_db"] < loud["range_db"] - 1


@pytest.mark.parametrize("samples", [np.zeros(160, np.float32), np.zeros(32000, np.float32)])
def test_silence_is_described_in_numbers(samples: np.ndarray) -> None:
    """No infinity comes of it."""
    assert all(math.isfinite(value) for value in describe(samples).values())


def test_too_little_is_refused() -> None:
    """A frame has 20 ms."""
    with pytest.raises(ValueError, match="160"):
        describe(np.zeros(159, np.float32))
