"""The choice of clips that are tampered with, and what is counted of it."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.detection.attacks import UNTOUCHED, Surroundings, choose, equal_error_threshold, moved, tampering
from benchmarks.detection.conditions import Recording
from benchmarks.detection.probes import probe

SPOOF, GENUINE = np.array([2.0, 1.0, -1.0, 3.0]), np.array([-2.0, -1.0, 0.5, -3.0])


def clips(**counts: int) -> list[Recording]:
    """So many clips of each system."""
    return [
        Recording((f"{system}-{index}",), "spoof", "tts", system, "", "page", "", False, 4.0)
        for system, count in counts.items() for index in range(count)
    ]


def test_the_choice_is_even_and_does_not_hang_on_order() -> None:
    """Every system has its turn before any has a second one, whatever the order of the table."""
    every = clips(a=50, b=3, c=20)
    chosen = choose(every, lambda clip: clip.system, 11)

    assert {"a": 4, "b": 3, "c": 4} == {name: sum(clip.system == name for clip in chosen) for name in "abc"}
    assert chosen == choose(every[::-1], lambda clip: clip.system, 11)


def test_threshold_makes_both_errors_alike() -> None:
    """One spoof of four is missed, one genuine clip of four is flagged."""
    threshold = equal_error_threshold(SPOOF, GENUINE)

    assert (0.25, 0.25) == (float((SPOOF < threshold).mean()), float((GENUINE >= threshold).mean()))


def test_flips_are_shares_of_what_could_flip() -> None:
    """Of three caught spoofs one is missed now, the one missed is caught; of three that passed two are flagged."""
    row = moved(np.array([-5.0, 1.0, 2.0, 3.0]), np.array([4.0, 4.0, -4.0, -4.0]), SPOOF, GENUINE)

    assert pytest.approx(1 / 3) == row["caught_now_missed"]
    assert 1.0 == row["missed_now_caught"]
    assert pytest.approx(2 / 3) == row["passed_now_flagged"]
    assert 1.0 == row["flagged_now_passed"]
    assert pytest.approx(-1.0) == row["spoof_llr_shift"]
    assert 0.25 == row["eer_spoofs_alone"]


def test_what_mixes_genuine_words_in_says_nothing_of_genuine_callers() -> None:
    """Only the spoofs' figures are there."""
    row = moved(SPOOF, None, SPOOF, GENUINE)

    assert {"spoof_llr_shift", "caught_now_missed", "missed_now_caught", "eer_spoofs_alone"} == row.keys()


@pytest.mark.parametrize("name", tampering())
def test_each_transform_gives_speech_again(name: str) -> None:
    """Float32 in [-1, 1], the same for one seed, and changed unless it says that it is not."""
    speech = probe(5, 3.0)
    first, again = (
        tampering()[name](speech, Surroundings(np.random.default_rng(1), [probe(6, 5.0)], [probe(7, 3.0)]))
        for _ in range(2)
    )

    assert (np.float32, True) == (first.dtype, float(np.abs(first).max()) <= 1.0)
    np.testing.assert_array_equal(first, again)
    assert (name == UNTOUCHED) == np.array_equal(speech, first)
