"""A tier that demands the second detector: its judgement is waited for, made once, and never guessed."""

from __future__ import annotations

import pytest

from tests.call_bench import (
    Bench,
    genuine,
    spoofed,
)
from voiceguard.events import (
    ActionDecided,
    RiskState,
    ScoreMissing,
    ScoreRequested,
    TimePassed,
    Window,
)


def _second(bench: Bench) -> list[Window]:
    return [asked.window for asked in bench.of(ScoreRequested) if asked.window.task == "synthetic_voice_verify"]


def test_a_sensitive_action_has_the_buffered_speech_judged_again() -> None:
    """Two windows of 4 s that end where the caller is, and none before anybody asks."""
    bench = Bench()
    bench.hear(20)
    assert [] == _second(bench)

    bench.ask()
    net_s = bench.of(ActionDecided)[0].risk.net_speech_s
    windows = _second(bench)
    assert [32000, 32000] == [len(window.samples) for window in windows]
    assert [net_s - 4.0, net_s] == pytest.approx([window.end_net_s for window in windows])


def test_an_open_action_is_answered_without_a_second_opinion() -> None:
    """What needs no assurance does not pay for the slower model."""
    bench = Bench(closer=spoofed)
    bench.hear(20)
    bench.ask("balance_enquiry")

    assert [("balance_enquiry", "allow")] == bench.decisions
    assert [] == _second(bench)


def test_the_decision_waits_for_the_second_opinion() -> None:
    """A voice that fooled the first detector is handed over by what the second one says, and only once it has."""
    bench = Bench(genuine, closer=spoofed)
    bench.hear(20)
    bench.answers = False
    bench.ask()
    assert [] == bench.decisions

    bench.answers = True
    bench.put(TimePassed())
    assert [("account_recovery", "handover")] == bench.decisions
    evidence = {item.source: item.contribution for item in bench.of(ActionDecided)[0].risk.evidence}
    assert evidence["synthetic_voice"] == 0.0
    assert evidence["synthetic_voice_verify"] > 2.0


def test_the_same_speech_is_not_judged_twice_by_the_second_detector() -> None:
    """A second question finds nothing new; one after more speech finds what was said since."""
    bench = Bench()
    bench.hear(20)
    bench.ask()
    bench.ask("payment", "a2")
    assert 2 == len(_second(bench))

    bench.hear(26)
    bench.ask("refund", "a3")
    new = _second(bench)[2:]
    assert sum(len(window.samples) for window in new) / 8000 <= bench.of(ActionDecided)[-1].risk.net_speech_s - (
        bench.of(ActionDecided)[0].risk.net_speech_s
    )
    assert new


def test_a_second_opinion_that_does_not_come_is_no_clean_bill() -> None:
    """Its absence is named, and the action still needs its proof."""
    bench = Bench()
    bench.hear(20)
    bench.answers = False
    bench.ask()
    for asked in bench.waiting:
        bench.put(ScoreMissing(asked.window_id, asked.window.task, "deadline"))

    decided = bench.of(ActionDecided)[0]
    assert ("step_up", RiskState.DETECTOR_UNAVAILABLE) == (decided.decision.value, decided.risk.state)


def test_without_consent_nothing_is_judged_again() -> None:
    """The buffer is empty: the voice was never kept."""
    bench = Bench(consent=False, require=True)
    bench.hear(20)
    bench.ask()

    assert [] == bench.of(ScoreRequested)
