"""Figures of the speaker benchmark, on scores and calls worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.speaker import report
from benchmarks.speaker.change import Call, delays, false_alarms_per_hour, threshold_at
from benchmarks.speaker.verification import Scored


def scored(same: list[float], other: list[float], source: str = "page") -> Scored:
    """Trials of one source, in which everybody is somebody else."""
    count = len(same) + len(other)
    return Scored(
        np.array([True] * len(same) + [False] * len(other)), np.array([source] * count),
        np.array([str(number) for number in range(count)]), np.array([*same, *other]), 0, (3.0, 3.0),
    )


def call(evidence: list[float], joint_s: float | None = None, source: str = "page", who: str = "ann") -> Call:
    """Comparisons every 1.5 s from 9 s of net speech on."""
    return Call("pcmu", source, who, joint_s, tuple(9.0 + 1.5 * place for place in range(len(evidence))),
                tuple(evidence))


def test_cost_of_detection_by_hand() -> None:
    """At a cut of 0.5 one of ten is missed and nothing else is taken for the same: a tenth of not listening at all."""
    same, other = np.array([1.0] * 9 + [-1.0]), np.array([0.0] * 10)

    assert report.min_dcf(same, other, 0.01) == pytest.approx(0.1)
    assert report.min_dcf(same, other, 0.5) == pytest.approx(0.1)


def test_a_source_with_few_trials_has_no_figure() -> None:
    """Nineteen trials of one speaker say too little; others keep theirs, and peers have no LLRs."""
    trials = [("shipped", "pcmu", "3 s", scored([2.0] * 19, [-2.0] * 50)),
              ("peer", "pcmu", "3 s", scored([2.0] * 20, [-2.0] * 50))]
    found = report.verification(trials)  # type: ignore[arg-type]

    assert {} == found["shipped"]["pcmu"]["3 s"]["sources"]
    assert 0.0 == found["peer"]["pcmu"]["3 s"]["eer"]["value"]
    assert "cllr" not in found["peer"]["pcmu"]["3 s"]


def test_delay_is_net_speech_from_the_joint_to_the_first_alarm() -> None:
    """Evidence before the joint is no alarm about it; a take-over nobody notices takes for ever."""
    calls = [call([9.0, 0.0, 0.0, 2.0], joint_s=10.0), call([0.0] * 4, joint_s=10.0), call([5.0])]

    assert [3.5, np.inf] == delays(calls, 1.0).tolist()


def test_false_alarms_are_calls_by_the_hour_of_one_voice() -> None:
    """Two of three calls of one voice rise above 1 in three times 6 s of speech."""
    calls = [call([0.0, 2.0, 3.0, 0.0]), call([2.0] + [0.0] * 3), call([0.0] * 4), call([9.0], joint_s=9.0)]

    assert false_alarms_per_hour(calls, 1.0) == pytest.approx(2 / (18 / 3600))


def test_the_threshold_allows_no_more_than_asked() -> None:
    """With 18 s of speech, 200 an hour is one call: the threshold is the second highest peak."""
    calls = [call([0.0, 3.0, 0.0, 0.0]), call([2.0] * 4), call([1.0] * 4)]
    threshold = threshold_at(calls, 200.0)

    assert 2.0 == threshold
    assert false_alarms_per_hour(calls, threshold) == pytest.approx(200.0)
    assert 3.0 == threshold_at(calls, 1.0)


def test_a_change_report_leaves_acted_emotions_out_beside() -> None:
    """The same figures over all sources, and over those of people who speak as they do."""
    calls = [call([0.0] * 4), call([0.0, 0.0, 3.0, 3.0], joint_s=10.0), call([4.0] * 4, source="emodb", who="bob")]
    found = report.change(calls, high=0.64)

    assert 0.0 == found["without_acted_emotions"]["shipped"]["false_alarms_per_hour"]
    assert 300.0 == pytest.approx(found["all"]["shipped"]["false_alarms_per_hour"])
    assert 2.0 == found["all"]["shipped"]["median_s"]["value"]
    assert 1.0 == found["without_acted_emotions"]["at_false_alarms_per_hour"]["1"]["within_6_s"]
