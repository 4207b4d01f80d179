"""Windows to model input, raw scores to evidence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.detectors import synthetic
from voiceguard.detectors.features import fbank61_16k, normalise_level
from voiceguard.errors import ModelError

CALIBRATION = synthetic.Calibration(scale=2.0, offset=-0.5, limit=4.0)


def _speech(samples: int) -> np.ndarray:
    return (np.random.default_rng(samples).standard_normal(samples) * 0.1).astype(np.float32)


def test_prepare_stacks_the_bands_of_each_window_without_their_mean() -> None:
    """One row per window, in order; level and the colour of the line are gone."""
    first, second = _speech(32000), _speech(32000) * np.float32(0.5)

    batch = synthetic.prepare([first, second], ["fbank61_16k"])

    assert batch.shape == (2, 398, 61)
    assert batch.dtype == np.float32
    bands = fbank61_16k(normalise_level(second))
    assert batch[1] == pytest.approx(bands - bands.mean(axis=0), abs=1e-4)


def test_prepare_puts_spectra_side_by_side() -> None:
    """Columns in the order of the names, frames around the same moments."""
    speech = _speech(32000)

    both = synthetic.prepare([speech], ["fbank61_16k", "narrow128"])

    assert both.shape == (1, 398, 189)
    assert (both[:, :, :61] == synthetic.prepare([speech], ["fbank61_16k"])).all()
    assert (both[:, :, 61:] == synthetic.prepare([speech], ["narrow128"])).all()


def test_prepare_repeats_a_short_window() -> None:
    """Two seconds are heard twice."""
    short = _speech(16000)

    assert (synthetic.prepare([short]) == synthetic.prepare([np.concatenate([short, short])])).all()


@pytest.mark.parametrize("windows", [[], [np.zeros(0, np.float32)], [np.zeros(32001, np.float32)]])
def test_prepare_refuses_windows_it_was_not_trained_for(windows: list[np.ndarray]) -> None:
    """None at all, an empty one, and one of more than 4 s."""
    with pytest.raises(ValueError, match="window"):
        synthetic.prepare(windows)


def test_llr_is_affine_within_the_limit() -> None:
    """Scale, then offset, then the limit on either side."""
    expected = [0.5, -0.5, 4.0, -4.0]

    assert synthetic.llr([0.5, 0.0, 100.0, -100.0], CALIBRATION).tolist() == expected


def test_llr_takes_a_column_of_scores() -> None:
    """Models may give (batch, 1)."""
    assert synthetic.llr(np.ones((3, 1), np.float32), CALIBRATION).tolist() == [1.5, 1.5, 1.5]


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_llr_refuses_a_score_that_is_not_finite(score: float) -> None:
    """A broken model is an error, never a confident or an empty answer."""
    with pytest.raises(ModelError, match="finite"):
        synthetic.llr([0.0, score], CALIBRATION)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_llr_keeps_the_order_of_scores(scores: list[float]) -> None:
    """A higher score is never less evidence for synthesis, and none exceeds the limit."""
    evidence = synthetic.llr(sorted(scores), CALIBRATION)

    assert (np.diff(evidence) >= 0).all()
    assert np.abs(evidence).max() <= CALIBRATION.limit
