"""Rounding a network's weights."""

import numpy as np

from training.integers.gptq import integers_for


def _error(weights: np.ndarray, rounded: np.ndarray, spread: np.ndarray) -> float:
    off = weights - rounded
    return float(np.trace(off @ spread @ off.T))


def test_inputs_that_go_together_make_up_for_each_other() -> None:
    """The output's error is less than half of what rounding each weight to the nearest of the same integers gives."""
    rng = np.random.default_rng(3)
    inputs = rng.standard_normal((150, 20)) @ rng.standard_normal((20, 4000)) + 0.3 * rng.standard_normal((150, 4000))
    weights, spread = rng.standard_normal((16, 150)), np.cov(inputs)

    integers, step = integers_for(weights, spread, 7)
    nearest = np.clip(np.round(weights / step[:, None]), -8, 7)

    assert _error(weights, integers * step[:, None], spread) < 0.5 * _error(weights, nearest * step[:, None], spread)


def test_integers_fit_their_bits() -> None:
    """Four bits are -8 to 7, and whole numbers."""
    integers, step = integers_for(np.random.default_rng(4).standard_normal((8, 130)), np.eye(130), 7)

    assert set(np.unique(integers)) <= set(range(-8, 8))
    assert (step > 0).all()


def test_weights_that_are_integers_stay() -> None:
    """Nothing is lost where nothing has to be rounded."""
    weights = np.random.default_rng(5).integers(-7, 8, (6, 90)).astype(np.float64) * 0.25
    weights[:, 0] = 7 * 0.25

    integers, step = integers_for(weights, np.eye(90) + 0.5, 7)

    np.testing.assert_allclose(integers * step[:, None], weights)
