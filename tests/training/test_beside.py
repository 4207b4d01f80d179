"""Numbers beside the network's, on signals whose answer is known."""

from __future__ import annotations

import numpy as np

from training.synthetic.beside import _RATES, group_delay, modulation

SECONDS = np.arange(32_000) / 8000
NOISE = np.random.default_rng(1).normal(0, 0.1, 32_000).astype(np.float32)


def test_a_tremor_shows_at_its_rate() -> None:
    """Noise whose level swings four times a second, beside steady noise."""
    swinging = (NOISE * (1 + 0.8 * np.sin(2 * np.pi * 4 * SECONDS))).astype(np.float32)
    more = (modulation(swinging) - modulation(NOISE)).reshape(len(_RATES), -1).mean(1)

    assert int(np.searchsorted(_RATES, 4 * 3.98, side="right")) - 1 == int(np.argmax(more))


def test_a_click_delays_every_band_alike() -> None:
    """Clicks as far apart as frames stand at the same place in every frame: no band deviates."""
    clicks = np.zeros(32_000, dtype=np.float32)
    clicks[80::160] = 1.0
    told = group_delay(clicks)
    mean, deviation, steps = told[:64], told[64:128], told[128:]

    assert (192,) == told.shape and np.isfinite(told).all()
    assert np.abs(deviation).max() < 1e-4 * np.abs(mean).max()
    assert np.abs(steps).max() < 1e-4 * np.abs(mean).max()
    assert group_delay(NOISE)[64:128].min() > 1e-2
