"""Voices drawn for the watch list's benchmark have the scatter of those they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.speaker.watchlist import Population
from voiceguard.detectors import speaker


def test_drawn_voices_are_as_alike_as_real_ones() -> None:
    """Mean cosines of one person's and of two persons' voices come out as they went in."""
    rng = np.random.default_rng(1)
    mean = np.full(192, 0.5 / np.sqrt(192))
    people = mean + 0.06 * rng.standard_normal((300, 192)) * np.linspace(0.2, 1.5, 192)
    voices = [(str(who), one) for who, person in enumerate(people)
              for one in speaker.normalise(person + 0.03 * rng.standard_normal((4, 192)))]
    population = Population(voices)
    drawn = population.people(300, rng)
    first, second = (population.heard(drawn, rng, clips=1) for _ in range(2))
    real = np.stack([one for _, one in voices]).reshape(300, 4, 192)

    assert np.mean(first * second) == pytest.approx(np.mean(real[:, 0] * real[:, 1]), abs=0.05 / 192)
    assert np.mean(first[1:] * second[:-1]) == pytest.approx(np.mean(real[1:, 0] * real[:-1, 1]), abs=0.05 / 192)
