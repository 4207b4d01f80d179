"""Scores of a live call come back as events."""

from __future__ import annotations

import numpy as np

from tests.live.bench import Bench
from tests.server.builders import (
    ScriptedCore,
)
from voiceguard.events import (
    CallEnded,
    ScoreMissing,
    ScoreReceived,
    ScoreRequested,
    TranscriptReceived,
    Window,
)
from voiceguard.live.call import LiveCall


def _window(number: int) -> ScoreRequested:
    return ScoreRequested(number, Window("synthetic_voice", np.zeros(16000, np.float32), 2.0, 2.0))


def test_scores_fed_back() -> None:
    """Every window is answered once: a score from the model, or the reason why there is none."""
    bench = Bench(
        core=ScriptedCore({
            TranscriptReceived: lambda _: [
                _window(1), ScoreRequested(2, Window("speaker_embedding", np.zeros(16000, np.float32), 2.0, 2.0)),
            ],
        }),
        scorers={"synthetic_voice": lambda windows: np.full((len(windows), 1), 0.5, np.float32)},
    )

    async def scenario(call: LiveCall) -> None:
        call.receive(TranscriptReceived("caller", "hello"))

    bench.run(scenario)

    answers = [event for event in bench.core.seen if isinstance(event, ScoreReceived | ScoreMissing)]
    assert {(1, "scored"), (2, "model_missing")} == {
        (answer.window_id, getattr(answer, "reason", "scored")) for answer in answers
    }
    assert isinstance(bench.core.seen[-1], CallEnded)
