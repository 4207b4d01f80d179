"""The baseline's front end, against a reckoning from first principles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.detection import lfcc
from benchmarks.detection.probes import probe


def test_coefficients_are_those_of_the_definition() -> None:
    """One frame worked out sum by sum: pre-emphasis, Hamming, power, triangles, logarithm, cosines."""
    samples, place = probe(1, 0.5), 11
    emphasised = samples.astype(np.float64)
    emphasised[1:] -= 0.97 * samples[:-1]
    frame = emphasised[place * 80 : place * 80 + 160] * np.hamming(160)
    turn = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(160)) / 512)
    power = np.abs(turn @ frame) ** 2
    edges = np.linspace(0, 4000, 22)
    hz = np.arange(257) * 8000 / 512
    bands = [power @ np.interp(hz, edges[band : band + 3], [0, 1, 0]) for band in range(20)]
    scale = np.sqrt(np.where(np.arange(20) == 0, 1, 2) / 20)
    expected = [
        scale[c] * sum(np.log10(energy) * np.cos(np.pi * c * (2 * b + 1) / 40) for b, energy in enumerate(bands))
        for c in range(20)
    ]

    assert lfcc.lfcc(samples)[place, :20] == pytest.approx(np.array(expected), abs=1e-3)


def test_differences_are_taken_between_the_neighbours() -> None:
    """Columns 20 to 39 are differences of the first twenty, 40 to 59 differences of those; the ends are repeated."""
    found = lfcc.lfcc(probe(2, 1.0))
    static, first, second = found[:, :20], found[:, 20:40], found[:, 40:]

    for values, differences in ((static, first), (first, second)):
        assert differences[1:-1] == pytest.approx(values[2:] - values[:-2], abs=1e-5)
        assert differences[0] == pytest.approx(values[1] - values[0], abs=1e-5)
        assert differences[-1] == pytest.approx(values[-1] - values[-2], abs=1e-5)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), length=st.integers(1, 32000), gain=st.sampled_from([0.0, 1e-3, 1.0]))
def test_windows_of_every_length_make_whole_input(seed: int, length: int, gain: float) -> None:
    """Short windows are repeated; silence has finite coefficients."""
    batch = lfcc.prepare([probe(seed, 4.0)[:length] * np.float32(gain)])

    assert (1, lfcc.FRAMES, lfcc.BANDS) == batch.shape
    assert np.float32 == batch.dtype
    assert np.isfinite(batch).all()


def test_a_window_has_the_same_input_alone_and_in_a_batch() -> None:
    """Neither its neighbours nor its gain change what the network gets."""
    windows = [probe(3, 4.0), probe(4, 2.5)]

    together = lfcc.prepare(windows)

    assert together[1] == pytest.approx(lfcc.prepare([windows[1] * np.float32(0.25)])[0], abs=1e-3)


@pytest.mark.parametrize("windows", [[], [np.zeros(0, np.float32)], [np.zeros(32001, np.float32)]])
def test_windows_that_are_none_are_refused(windows: list[np.ndarray]) -> None:
    """No window, an empty one, and one of more than 4 s."""
    with pytest.raises(ValueError, match="window"):
        lfcc.prepare(windows)


@pytest.mark.parametrize("samples", [np.zeros(159, np.float32), np.zeros((2, 8000), np.float32)])
def test_samples_that_cannot_be_framed_are_refused(samples: np.ndarray) -> None:
    """Less than one frame, and more than one channel."""
    with pytest.raises(ValueError, match="at least 160"):
        lfcc.lfcc(samples)
