"""Frames to segments: the table and what it counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.speech import Endpointer, Frame, SpeechOptions, State
from voiceguard.speech.endpointing import HEARD, LASTED

NAMES = {"s": "speech", ".": "silence", "t": "tone"}


def run(heard: str, options: SpeechOptions | None = None) -> tuple[list[int], Endpointer]:
    """Indices of the frames that count, after hearing s(peech), t(one), . (silence) and _ (gap)."""
    endpointer, counted = Endpointer(options or SpeechOptions()), []
    for index, sign in enumerate(heard):
        if sign == "_":
            endpointer.gap()
        else:
            frame = Frame(np.zeros(160, np.float32), index, NAMES[sign])  # type: ignore[arg-type]
            counted += [net.start_sample for net in endpointer.feed(frame)]
    return counted, endpointer


@pytest.mark.parametrize(
    ("heard", "counted", "state"),
    [
        ("", [], State.SILENCE),
        (".ssss", [], State.ONSET),
        (".ssss.ssss", [], State.ONSET),
        (".sssss", [1, 2, 3, 4, 5], State.SPEECH),
        ("ssst", [], State.SILENCE),
        ("sssss..s", [0, 1, 2, 3, 4, 7], State.SPEECH),
        ("sssss" + "." * 14, [0, 1, 2, 3, 4], State.HANGOVER),
        ("sssss" + "." * 15, [0, 1, 2, 3, 4], State.SILENCE),
        ("sssss" + "." * 15 + "ssss", [0, 1, 2, 3, 4], State.ONSET),
        ("ssssst", [0, 1, 2, 3, 4], State.SILENCE),
        ("sssss.tssss", [0, 1, 2, 3, 4], State.ONSET),
        ("sssss_ssss", [0, 1, 2, 3, 4], State.ONSET),
        ("sssss._ssss", [0, 1, 2, 3, 4], State.ONSET),
        ("sss_sss", [0, 1, 2, 4, 5, 6], State.SPEECH),
        ("sss_.sss", [], State.ONSET),
    ],
)
def test_what_counts(heard: str, counted: list[int], state: State) -> None:
    """An onset counts whole or not at all; pauses keep a segment; tones, gaps and long silence end it."""
    actual, endpointer = run(heard)
    assert counted == actual
    assert state is endpointer.state


def test_the_table_is_complete() -> None:
    """Every state knows what to do with everything that can be heard, and only passing states run out."""
    assert set(State) == set(HEARD)
    assert [{"speech", "silence", "tone", "gap"}] * 4 == [set(row) for row in HEARD.values()]
    assert {State.ONSET, State.HANGOVER} == set(LASTED)


@given(st.text("s.t_", max_size=120))
def test_only_speech_counts_once_and_in_order(heard: str) -> None:
    """Whatever is heard, counted frames are speech frames, in order, none twice; runs of five are never lost."""
    counted, _ = run(heard)
    assert sorted(set(counted)) == counted
    assert all(heard[index] == "s" for index in counted)
    whole = {at + step for at in range(len(heard)) if heard[at : at + 5] == "sssss" for step in range(5)}
    assert whole <= set(counted)


def test_without_onset_every_speech_frame_counts() -> None:
    """An onset of nothing lets through exactly what webrtcvad lets through."""
    assert [1, 3, 4] == run(".s.ss", SpeechOptions(onset_s=0))[0]
