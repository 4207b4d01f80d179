"""What counts as net speech on sample calls, against values from before the check and the frame path were made faster.

`net_speech.json` has for each line the stretches of net speech and what the check says of each block.
`python -m tests.speech.test_net_speech` writes it anew, for a check that was trained anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from voiceguard.adapters.models.onnx import MODELS_FOLDER
from voiceguard.adapters.models.speech_check import load_check
from voiceguard.events import Samples
from voiceguard.speech import SpeechOptions, SpeechTrack, WindowSpec
from voiceguard.speech.check import SpeechCheck

SAMPLES = Path(__file__).parents[2] / "samples"
PRESENT = Path(__file__).parent / "net_speech.json"
CASES = [
    f"{name} {line}" for name in ("03-wrong-codes", "04-synthetic-kokoro", "09-noisy")
    for line in ("clean", "hum", "echo")
]
_EVERY_FRAME = WindowSpec("synthetic_voice", 0.02, 0.02, 0.02)


class _Told(SpeechCheck):
    """The shipped check, which tells what it said."""

    said: list[float]

    def log_odds(self, measures: Samples) -> float:
        self.said.append(super().log_odds(measures))
        return self.said[-1]


def _told() -> _Told:
    check = _Told(**vars(load_check(MODELS_FOLDER)))
    object.__setattr__(check, "said", [])
    return check


def judged(case: str) -> Mapping[str, Any]:
    """One line in frames of 20 ms: as it is, with loud hum of 50 Hz, or with the agent's voice 24 dB down."""
    name, line = case.split()
    audio = soundfile.read(SAMPLES / f"{name}.wav", dtype="float32")[0]
    caller, agent = np.ascontiguousarray(audio[:, 0]), np.ascontiguousarray(audio[:, 1])
    if line == "hum":
        caller = caller + 0.3 * np.sin(2 * np.pi * 50 * np.arange(len(caller)) / 8000).astype(np.float32)
    if line == "echo":
        caller = caller + np.float32(0.06) * agent
    check = _told()
    track = SpeechTrack(SpeechOptions(), (_EVERY_FRAME,), check)
    windows = []
    for start in range(0, len(caller), 160):
        if line == "echo":
            track.hear_agent(agent[start : start + 160])
        windows += track.feed(caller[start : start + 160])
    windows += track.finish()
    return {
        "frames": len(windows), "segments": [[round(start, 2), round(end, 2)] for start, end in track.segments],
        "log_odds": [round(said, 3) for said in check.said],
    }


@pytest.mark.parametrize("case", CASES)
def test_net_speech_is_as_before(case: str) -> None:
    """To the frame; log-odds to a hundredth, for other processors round otherwise."""
    present, now = json.loads(PRESENT.read_text(encoding="utf-8"))[case], judged(case)

    assert (present["frames"], present["segments"]) == (now["frames"], now["segments"])
    np.testing.assert_allclose(now["log_odds"], present["log_odds"], atol=0.01)


if __name__ == "__main__":
    found = {case: judged(case) for case in CASES}
    PRESENT.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in found.items()) + "\n}\n")
