"""Evidence to risk: worked numbers, take-overs, and what a missing detector leaves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.events import Band, RiskState, Task, Window
from voiceguard.risk import RiskModel, RiskOptions


def window(end_net_s: float, length_s: float = 4.0, task: Task = "synthetic_voice") -> Window:
    return Window(task, np.zeros(int(length_s * 8000), np.float32), end_net_s, end_net_s)


def heard(llrs: list[float], model: RiskModel | None = None, begin_s: int = 2) -> RiskModel:
    """A model that heard one synthetic-voice window a second, the first after `begin_s`."""
    model = model or RiskModel()
    for index, llr in enumerate(llrs):
        end_s = float(begin_s + index)
        model.add_synthetic(llr, window(end_s, min(4.0, end_s)))
    return model


def test_one_window_worked_by_hand() -> None:
    """Two seconds at 2 nats: worth 2, memory 6 s, prior 5 %."""
    risk = heard([2.0]).risk(9.0, 5.0)
    contribution = 2.0 * (1.0 - math.exp(-2.0 / 6.0)) * 2.0

    assert contribution == pytest.approx(risk.evidence[0].contribution)
    assert risk.evidence[0].contribution == pytest.approx(risk.evidence[0].llr * risk.evidence[0].weight)
    assert round(100.0 / (1.0 + 19.0 * math.exp(-contribution))) == risk.score
    assert (9.0, 5.0, 1) == (risk.at_s, risk.net_speech_s, risk.evidence[0].windows)


@pytest.mark.parametrize(("contribution", "band"), [(-0.1, Band.LOW), (0.1, Band.ELEVATED), (0.6, Band.ELEVATED),
                                                    (0.7, Band.HIGH)])
def test_bands_lie_where_their_costs_put_them(contribution: float, band: Band) -> None:
    """Prior 1/20, a missed fraud ten times a needless handover: high from ln(19/10) = 0.642 nats, elevated from 0."""
    llr = contribution / (2.0 * (1.0 - math.exp(-4.0 / 6.0)))

    assert band is heard([llr], begin_s=4).risk(9.0, 5.0).band


@pytest.mark.parametrize(("options", "elevated_from"), [
    (RiskOptions(), 0.05), (RiskOptions(prior=0.01), 0.01), (RiskOptions(prior=0.01, elevated=0.04), 0.04),
])
def test_elevated_is_the_prior_unless_it_is_set(options: RiskOptions, elevated_from: float) -> None:
    """A lower prior alone does not make what speaks for fraud a low risk."""
    shift = math.log(elevated_from / (1.0 - elevated_from)) - math.log(options.prior / (1.0 - options.prior))
    below, above = (RiskModel(options, earlier=0.0) for _ in range(2))
    llr = 1.0 / (2.0 * (1.0 - math.exp(-4.0 / 6.0)))
    below.add_synthetic((shift - 0.01) * llr, window(4.0, 4.0))
    above.add_synthetic((shift + 0.01) * llr, window(4.0, 4.0))

    assert elevated_from == options.elevated_from
    assert (Band.LOW, Band.ELEVATED) == (below.risk(9.0, 5.0).band, above.risk(9.0, 5.0).band)


def test_long_speech_is_worth_so_many_windows_and_no_more() -> None:
    """A minute at 1 nat adds up to the worth of one voice's windows, not to sixty nats."""
    assert heard([1.0] * 60).risk(70.0, 61.0).evidence[0].contribution == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("before", [0, 5, 30, 300])
def test_what_was_heard_before_a_take_over_does_not_drown_it(before: int) -> None:
    """Six seconds of a synthetic voice raise the risk to high, however long a genuine one spoke first."""
    model = heard([-2.7] * before)
    assert before == 0 or model.risk(0.0, before + 1.0).band is Band.LOW
    heard([-1.0, 0.5, 2.0, 2.0, 2.0, 2.0], model, begin_s=2 + before)

    assert Band.HIGH is model.risk(0.0, before + 7.0).band


def test_one_clean_source_does_not_clear_the_other() -> None:
    """A human who takes over sounds bona fide; that takes ln 2 off and no more."""
    model = heard([-2.7] * 20)
    for index in range(8):
        model.add_speaker(4.5, window(20.0 + 1.5 * index, 3.0, "speaker_embedding"))
    risk = model.risk(40.0, 32.0)

    assert -math.log(2.0) == pytest.approx(risk.evidence[0].contribution)
    assert Band.HIGH is risk.band


def test_too_little_speech_has_no_number() -> None:
    """Strong evidence from one second of speech is no evidence."""
    risk = heard([2.7]).risk(3.0, 2.0)

    assert (None, Band.UNKNOWN, RiskState.INSUFFICIENT_SPEECH) == (risk.score, risk.band, risk.state)


def test_speech_that_nobody_judged_has_no_number() -> None:
    """Net speech alone, without one answer of the detector, is not a low risk."""
    assert RiskModel().risk(30.0, 20.0).state is RiskState.INSUFFICIENT_SPEECH


def test_evidence_of_neither_is_inconclusive() -> None:
    """Windows around zero say so."""
    assert heard([0.1, -0.1, 0.1]).risk(9.0, 6.0).state is RiskState.INCONCLUSIVE


@pytest.mark.parametrize("task", ["synthetic_voice", "speaker_embedding"])
def test_a_missing_score_is_never_a_low_risk(task: Task) -> None:
    """The latest window of either detector has no score: no number, until it has one again."""
    model = heard([-2.0] * 10)
    model.add_missing(task)
    risk = model.risk(20.0, 11.0)

    assert (None, Band.UNKNOWN, RiskState.DETECTOR_UNAVAILABLE) == (risk.score, risk.band, risk.state)

    model.add_speaker(None, window(12.0, 3.0, "speaker_embedding"))
    heard([-2.0], model, begin_s=12)
    assert RiskState.OK is model.risk(21.0, 12.0).state


def test_a_missing_detector_does_not_hide_a_high_risk() -> None:
    """What the other detector heard stays."""
    model = heard([2.7] * 20)
    model.add_missing("speaker_embedding")
    risk = model.risk(30.0, 21.0)

    assert (Band.HIGH, RiskState.DETECTOR_UNAVAILABLE) == (risk.band, risk.state)
    assert risk.score is not None


def test_without_consent_there_is_no_number() -> None:
    """No analysis, and no pretence of one."""
    risk = RiskModel(RiskOptions(), consent=False).risk(30.0, 20.0)

    assert (None, Band.UNKNOWN, RiskState.NO_CONSENT, ()) == (risk.score, risk.band, risk.state, risk.evidence)


@given(st.lists(st.floats(-2.73, 2.73), min_size=1, max_size=60))
def test_contributions_stay_within_what_they_are_worth(llrs: list[float]) -> None:
    """No sequence of windows gives more than `worth` windows' evidence, or less than the floor."""
    contribution = heard(llrs).risk(0.0, 60.0).evidence[0].contribution

    assert -math.log(2.0) <= contribution <= 2.0 * 2.73


@given(st.lists(st.floats(-2.73, 2.73), min_size=2, max_size=30), st.integers(0, 28), st.floats(0.0, 2.0))
def test_more_evidence_of_fraud_never_lowers_the_risk(llrs: list[float], place: int, more: float) -> None:
    """Raising one window's LLR raises the log-odds or leaves them."""
    raised = list(llrs)
    raised[place % len(llrs)] += more
    lower, higher = heard(llrs).risk(0.0, 60.0), heard(raised).risk(0.0, 60.0)

    assert lower.evidence[0].contribution <= higher.evidence[0].contribution + 1e-12


def test_a_second_opinion_takes_the_place_of_the_first() -> None:
    """After 8 s at -2 by the first, two windows at +1 by the second leave what those two alone would."""
    model = heard([-2.0] * 7)
    for end_s in (4.0, 8.0):
        model.add_verify(1.0, window(end_s, 4.0, "synthetic_voice_verify"))
    evidence = {item.source: item.contribution for item in model.risk(9.0, 8.0).evidence}

    kept = math.exp(-4.0 / 6.0)
    verified = 2.0 * (1.0 - kept) * (1.0 + kept)
    assert {"synthetic_voice": 0.0, "synthetic_voice_verify": verified} == pytest.approx(evidence)


def test_a_second_opinion_keeps_what_was_said_of_earlier_speech() -> None:
    """The first 12 s sounded synthetic; a second opinion on the last 8 s that says nothing only fades that."""
    earlier, model = heard([2.0] * 11), heard([2.0] * 19)
    for end_s in (16.0, 20.0):
        model.add_verify(0.0, window(end_s, 4.0, "synthetic_voice_verify"))

    faded = earlier.contribution("synthetic_voice") * math.exp(-8.0 / 6.0)
    assert 0.0 == model.contribution("synthetic_voice")
    assert faded == pytest.approx(model.contribution("synthetic_voice_verify"))


@given(st.lists(st.floats(0.0, 2.7), min_size=1, max_size=1), st.lists(st.floats(0.0, 2.7), min_size=1, max_size=12))
def test_two_opinions_are_one_recursion(second: list[float], after: list[float]) -> None:
    """Speech that the running detector hears after the second opinion counts as if one detector had heard all; of an
    opinion on several windows only the whole is held."""
    begin_s = 4 * len(second)
    model, one = heard([1.0] * (begin_s - 1)), RiskModel()
    for index, llr in enumerate(second):
        model.add_verify(llr, window(4.0 * (index + 1), 4.0, "synthetic_voice_verify"))
        one.add_synthetic(llr, window(4.0 * (index + 1), 4.0))
    for each in (model, one):
        heard(after, each, begin_s=begin_s + 1)
    total = [sum(item.contribution for item in each.risk(99.0, 99.0).evidence) for each in (model, one)]

    assert total[0] == pytest.approx(total[1])


def test_a_second_opinion_that_is_missing_stays_missing() -> None:
    """The first detector's next score does not stand in for it; its own does."""
    model = heard([-2.0] * 8)
    model.add_missing("synthetic_voice_verify")
    heard([-2.0], model, begin_s=10)
    assert RiskState.DETECTOR_UNAVAILABLE is model.risk(12.0, 10.0).state

    model.add_verify(-2.0, window(11.0, 4.0, "synthetic_voice_verify"))
    assert RiskState.OK is model.risk(12.0, 11.0).state


def test_after_a_pause_the_caller_has_to_be_heard_again() -> None:
    """What spoke before a pause may not be who speaks now: a low risk is inconclusive until enough was heard, a high
    one stays high."""
    low, high = heard([-2.0] * 5), heard([2.0] * 5)
    for model in (low, high):
        model.pause(6.0)

    assert [(RiskState.INCONCLUSIVE, Band.LOW)] * 2 + [(RiskState.OK, Band.LOW)] == [
        (risk.state, risk.band) for risk in (low.risk(9.0, net_s) for net_s in (6.0, 9.9, 10.0))
    ]
    assert Band.HIGH is high.risk(9.0, 6.0).band


@pytest.mark.parametrize("source", ["watchlist", "linked_voice"])
def test_a_list_explains_its_share_of_frauds_only(source: Any) -> None:
    """One fraud in ten is by somebody on it: ln(0.9 + 0.1 e^5) by hand; unlike everybody on it is no merit."""
    model = RiskModel()

    model.add_known(source, 5.0)
    assert pytest.approx(math.log(0.9 + 0.1 * math.exp(5.0))) == model.contribution(source)
    model.add_known(source, -4.0)
    assert 0.0 == model.contribution(source)


@given(st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=30))
def test_earlier_stream_is_the_floor(llrs: list[float]) -> None:
    """Whatever a further stream sounds like, the risk is never below what was recorded before it."""
    fresh, resumed = heard(llrs), heard(llrs, RiskModel(earlier=1.5))
    before, after = fresh.risk(40.0, 1.0 + len(llrs)), resumed.risk(40.0, 1.0 + len(llrs))

    assert sum(item.contribution for item in after.evidence) >= max(
        1.5 - 1e-9, sum(item.contribution for item in before.evidence) - 1e-9
    )
