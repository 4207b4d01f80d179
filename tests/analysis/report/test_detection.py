"""Figures over calls: which calls each figure counts, in all and in slices."""

from __future__ import annotations

import pytest

from tests.analysis.calls import row
from voiceguard.analysis.report.detection import Row, detection, first_decision, interval, trials
from voiceguard.measures import metrics


def _fraud(rows: list[Row]) -> dict[str, object]:
    return detection(rows, lambda one: one.fraud, lambda one: one.shift)


def test_figures_are_those_of_the_scores() -> None:
    """Frauds against genuine calls, by the evidence at the end of each."""
    found = _fraud([row(2.0, "synthetic"), row(-1.0, "takeover"), row(0.0), row(-2.0)])

    assert (2, 2) == (found["fraud"], found["genuine"])
    assert {"value": metrics.eer([2.0, -1.0], [0.0, -2.0]), "interval": None} == found["figures"]["eer"]  # type: ignore[index]
    assert round(metrics.cllr([2.0, -1.0], [0.0, -2.0]), 4) == found["figures"]["cllr"]["value"]  # type: ignore[index]


def test_calls_with_too_little_speech_are_counted_apart() -> None:
    """They have no score, so no figure takes them for right or wrong."""
    found = _fraud([row(2.0, "synthetic"), row(None, "synthetic"), row(0.0), row(None)])

    assert (1, 1, 2) == (found["fraud"], found["genuine"], found["unscored"])


def test_one_class_alone_has_no_figures() -> None:
    """Nothing to hold it against."""
    found = _fraud([row(0.0), row(1.0)])
    assert ({}, [], [], {}) == tuple(found[name] for name in ("figures", "det", "reliability", "by"))


@pytest.mark.parametrize(("label", "attack", "synthetic"), [
    ("synthetic", None, True), ("mixed", None, True), ("genuine", None, False), ("takeover", "piper", True),
    ("takeover", "human", False), ("takeover", None, False),
])
def test_a_person_who_takes_over_is_no_synthetic_voice(label: str, attack: str | None, synthetic: bool) -> None:
    """A take-over says who took over by its attack."""
    assert synthetic is row(0.0, label, tags={"attack": attack} if attack else {}).synthetic


def test_slices_hold_attacks_against_all_and_sources_against_their_own() -> None:
    """Five of each at least."""
    rows = [row(3.0, "synthetic", tags={"attack": "a", "source": "one"}) for _ in range(5)]
    rows += [row(1.0, "synthetic", tags={"attack": "b", "source": "two"}) for _ in range(4)]
    rows += [row(2.0, tags={"source": "two"}) for _ in range(5)] + [row(0.0, tags={"source": "one"}) for _ in range(5)]
    by = _fraud(rows)["by"]

    assert {"a": {"fraud": 5, "genuine": 10, "eer": 0.0}, "b": {"fraud": 4, "genuine": 10}} == {
        attack: {name: value for name, value in cells.items() if name != "cllr"}
        for attack, cells in by["attack"].items()  # type: ignore[index]
    }
    assert {"fraud": 4, "genuine": 5} == by["source"]["two"]  # type: ignore[index]
    assert {} == by["codec"]  # type: ignore[index]


def test_intervals_need_five_sources_and_some_doubt() -> None:
    """Few sources, or draws that are all alike, give no interval."""
    values = [0.0, 1.0, 0.0, 1.0, 1.0]

    assert interval(lambda drawn: float(drawn.mean()), list("abcd")) is None
    assert interval(lambda drawn: 0.0, list("abcde")) is None
    low, high = interval(lambda drawn: sum(values[at] for at in drawn) / len(drawn), list("abcde"))  # type: ignore[misc]
    assert 0.0 <= low < 0.6 < high <= 1.0


def test_trials_are_the_calls_that_say_so() -> None:
    """The less speaks for fraud, the more speaks for the customer."""
    rows = [row(shift, label, tags={"trial": trial}) for shift, label, trial in (
        (-1.0, "genuine", "target"), (2.0, "genuine", "target"), (3.0, "takeover", "nontarget"),
        (1.0, "synthetic", "spoof"),
    )]

    assert {"target": 2, "nontarget": 1, "spoof": 1, "a_dcf": round(metrics.a_dcf([1.0, -2.0], [-3.0], [-1.0]), 4)} \
        == trials([*rows, row(9.0)])
    assert trials(rows[:-1]) is None


def test_first_decision_is_where_a_number_first_stands() -> None:
    """Median over the calls that ever got there, and how many did not."""
    found = first_decision([row(0.0), row(None)])

    net, at = {"median": 5.0, "p90": 5.0}, {"median": 10.0, "p90": 10.0}
    assert {"calls": 1, "never": 1, "net_speech_s": net, "call_s": at} == found
