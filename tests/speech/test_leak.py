"""The agent's voice on a line that brings no channel of the agent: what is far quieter than the caller is not the
caller, and a caller who turns quiet is heard again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from voiceguard.adapters.models.detectors import load_detectors
from voiceguard.events import Samples
from voiceguard.settings import Settings
from voiceguard.speech import SpeechTrack

ROOT = Path(__file__).parents[2]
DETECTORS = load_detectors(Settings())


def net_s(samples: Samples) -> float:
    """Net speech of one channel, seconds."""
    track = SpeechTrack(Settings().speech, DETECTORS.specs, DETECTORS.check)
    track.feed(samples)
    track.finish()
    return track.net_s


def call(name: str) -> tuple[Samples, Samples]:
    """The caller's and the agent's channel of a sample call."""
    both, _ = soundfile.read(ROOT / "samples" / name, dtype="float32")
    return np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])


@pytest.mark.parametrize("name", ["02-recovery.wav", "04-synthetic-kokoro.wav", "05-synthetic-piper.wav"])
def test_agent_far_below_the_caller_adds_little_net_speech(name: str) -> None:
    """Of the agent's turns in the caller's pauses, 24 dB down, at least half are not counted, and 30 dB down nearly all
    are not."""
    caller, agent = call(name)
    alone, whole = net_s(caller), net_s(caller + agent)
    for down_db, share in ((24.0, 0.5), (30.0, 0.2)):
        leaked = net_s(caller + agent * np.float32(10.0 ** (-down_db / 20)))
        assert leaked - alone < share * (whole - alone), down_db


def test_caller_who_turns_quiet_is_heard_again_within_seconds() -> None:
    """20 dB quieter from the middle on: the level is forgotten, and most of the second half counts."""
    caller, _ = call("02-recovery.wav")
    quiet = np.concatenate([caller, caller * np.float32(0.1)])
    assert net_s(quiet) > 1.5 * net_s(caller)


def test_quiet_line_is_heard_as_a_loud_one() -> None:
    """Only the ratio to the caller's own level counts."""
    caller, _ = call("02-recovery.wav")
    assert net_s(caller * np.float32(0.3)) == pytest.approx(net_s(caller), abs=1.0)
