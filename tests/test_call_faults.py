"""A call that lacks scores, consent, audio or a voice: what is missing is never taken for a good sign."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.call_bench import (
    AGENT,
    Bench,
)
from voiceguard.events import (
    ActionDecided,
    CodeEntered,
    MarkReceived,
    MediaDropped,
    MediaGap,
    MediaNoted,
    MediaPaused,
    MediaResumed,
    RiskChanged,
    RiskState,
    ScoreMissing,
    ScoreReceived,
    ScoreRequested,
)


@pytest.mark.parametrize("reason", ["deadline", "queue_full", "model_error", "model_missing"])
def test_missing_score_is_no_zero(reason: Any) -> None:
    """A window without a score makes the detector unavailable: a code is asked, and does not suffice for money."""
    bench = Bench(answers=False)
    bench.hear(12)
    bench.ask("payment")
    for request in bench.waiting:
        bench.put(ScoreMissing(request.window_id, request.window.task, reason))
    bench.put(CodeEntered("a1", bench.code))

    assert (None, RiskState.DETECTOR_UNAVAILABLE) == (bench.risk.score, bench.risk.state)
    assert [("payment", "step_up"), ("payment", "handover")] == bench.decisions


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_output_that_is_no_number_counts_as_missing(value: float) -> None:
    """A model that gives NaN or infinity has not answered."""
    bench = Bench(lambda _: value)
    bench.hear(12)

    assert (None, RiskState.DETECTOR_UNAVAILABLE) == (bench.risk.score, bench.risk.state)


def test_embedding_of_nothing_counts_as_missing() -> None:
    """An embedding of zeros or NaN names no speaker."""
    for value in (0.0, float("nan")):
        bench = Bench(answers=False)
        bench.hear(12)
        for request in bench.waiting:
            task = request.window.task
            output = np.full(192 if task == "speaker_embedding" else 1, value, np.float32)
            bench.put(ScoreReceived(request.window_id, task, output))
        assert RiskState.DETECTOR_UNAVAILABLE is bench.risk.state


def test_no_voice_is_analysed_without_consent() -> None:
    """No window leaves the call; the state says why, and a code decides."""
    bench = Bench(consent=False, require=True)
    bench.hear(20)
    bench.ask()

    assert [] == bench.of(ScoreRequested)
    assert RiskState.NO_CONSENT is bench.of(ActionDecided)[0].risk.state
    assert [("account_recovery", "step_up")] == bench.decisions


def test_paused_media_is_not_analysed() -> None:
    """What is said in a pause reaches no detector, and the clock goes on."""
    bench = Bench()
    bench.hear(8)
    requested = len(bench.of(ScoreRequested))
    bench.put(MediaPaused())
    bench.hear(16)
    paused = len(bench.of(ScoreRequested))
    bench.put(MediaResumed())
    bench.hear(24)

    assert requested == paused < len(bench.of(ScoreRequested))
    assert [("paused", 8.0), ("resumed", 16.0)] == [(note.kind, note.at_s) for note in bench.of(MediaNoted)]


def test_what_went_by_in_a_pause_moves_the_clock() -> None:
    """A platform that says how much of the stream a pause passed over keeps the clock right; the risk waits to hear the
    caller again."""
    bench = Bench()
    bench.hear(12)
    bench.ask("branch_hours")
    bench.put(MediaPaused())
    bench.ask("order_status", "a2")
    bench.put(MediaResumed(240_000))

    assert [RiskState.OK, RiskState.INCONCLUSIVE] == [told.risk.state for told in bench.of(ActionDecided)]
    assert [("paused", 12.0, 0.0), ("resumed", 42.0, 30_000.0)] == [
        (note.kind, note.at_s, note.ms) for note in bench.of(MediaNoted)
    ]


def test_gap_moves_the_clock_and_is_noted() -> None:
    """Samples that never came are time, not evidence; the wire's rate is accounted for."""
    bench = Bench(encoding="l16", rate_hz=16000)
    bench.put(MediaGap("caller", 0, 32_000))
    bench.put(MediaDropped("caller", 0, 1600, "late"))
    bench.ask()

    assert [("gap", 2.0, 2000.0), ("late", 2.0, 100.0)] == [
        (note.kind, note.at_s, note.ms) for note in bench.of(MediaNoted)
    ]
    assert 2.0 == bench.of(ActionDecided)[0].risk.at_s


def test_agent_is_not_analysed() -> None:
    """The agent's speech is nobody's evidence."""
    bench = Bench()
    bench.hear(20, audio=AGENT, channel="agent")
    bench.put(MarkReceived("m"))

    assert [RiskChanged] == [type(outcome) for outcome in bench.log]
