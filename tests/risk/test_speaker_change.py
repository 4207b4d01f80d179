"""Reference and recent voice: two made-up speakers as directions in the embedding space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voiceguard.events import Window
from voiceguard.risk import SpeakerChange

FIRST, SECOND = np.eye(192, dtype=np.float32)[:2]


def compare(reference: NDArray[np.float32], recent: NDArray[np.float32], first_s: float, recent_s: float) -> float:
    return 4.0 - 8.0 * float(reference @ recent)


def stream(change: SpeakerChange, voice: NDArray[np.float32], begin: int, count: int) -> list[float | None]:
    answers = []
    for index in range(begin, begin + count):
        end_s = 3.0 + 1.5 * index
        answers.append(change.feed(voice, Window("speaker_embedding", np.zeros(24000, np.float32), end_s, end_s)))
    return answers


def test_nothing_is_said_before_there_is_something_to_compare() -> None:
    """The reference takes 6 s, and the first window after it begins where it ended."""
    assert [None, None, None, None] == stream(SpeakerChange(compare), FIRST, 0, 4)


def test_the_same_voice_stays_the_same() -> None:
    """Evidence is against a change."""
    change = SpeakerChange(compare)

    assert [-4.0] * 6 == stream(change, FIRST, 0, 10)[4:]


def test_another_voice_is_found_at_its_second_window() -> None:
    """A third of the recent speech, then two, then all of it is the other's."""
    change = SpeakerChange(compare)
    stream(change, FIRST, 0, 20)
    some, most, whole, *_ = stream(change, SECOND, 20, 4)

    assert some is not None and most is not None and whole is not None
    assert -4.0 < some < 0.0 < most < whole == 4.0


def test_another_voice_is_never_absorbed() -> None:
    """Speech of the second voice, however long, does not become the reference."""
    change = SpeakerChange(compare)
    stream(change, FIRST, 0, 10)

    assert [4.0] * 199 == stream(change, SECOND, 10, 201)[2:]


def test_the_reference_grows_with_sure_speech() -> None:
    """Net speech behind the reference counts every second once."""
    seen: list[tuple[float, float]] = []

    def watch(reference: NDArray[np.float32], recent: NDArray[np.float32], first_s: float, recent_s: float) -> float:
        seen.append((first_s, recent_s))
        return -4.0

    stream(SpeakerChange(watch), FIRST, 0, 9)

    assert [(6.0, 3.0), (6.0, 4.5), (6.0, 6.0), (6.0, 6.0), (7.5, 6.0)] == seen
