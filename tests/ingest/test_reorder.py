"""One channel's clock: jitter is forgiven, losses are counted, nothing is used twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.errors import PeerError
from voiceguard.events import AudioReceived, MediaDropped, MediaGap
from voiceguard.ingest.reorder import Sequencer

FRAME = b"\xff" * 160


def _sequencer() -> Sequencer:
    return Sequencer("caller", tolerance=160, max_gap=8000)


@given(jitter=st.lists(st.integers(-159, 159), min_size=1, max_size=100), numbered=st.booleans())
def test_jitter_under_a_frame(jitter: list[int], numbered: bool) -> None:
    """Times that are off by less than a frame move nothing, however many there are."""
    sequencer = _sequencer()
    for index, off in enumerate(jitter):
        placed = sequencer.place(FRAME, 160, max(0, 160 * index + off), index if numbered else None)
        assert placed == [AudioReceived("caller", 160 * index, FRAME)]


@given(lost=st.sets(st.integers(0, 40)), numbered=st.booleans())
def test_lost_frames(lost: set[int], numbered: bool) -> None:
    """Gaps and audio tile the clock without overlap, and gaps cover just what was lost."""
    sequencer = _sequencer()
    position, missing = 0, set()
    for index in sorted(set(range(42)) - lost):
        for event in sequencer.place(FRAME, 160, 160 * index, index if numbered else None):
            assert event.start_sample == position
            if isinstance(event, MediaGap):
                missing |= {at // 160 for at in range(position, position + event.samples)}
                position += event.samples
            else:
                assert isinstance(event, AudioReceived)
                position += 160

    assert missing == lost


@pytest.mark.parametrize("numbered", [True, False])
def test_repeated_and_late(numbered: bool) -> None:
    """A frame that was used is a repeat, one that was missed is late; neither moves the clock."""
    sequencer = _sequencer()

    def place(index: int) -> list[AudioReceived | MediaGap | MediaDropped]:
        return sequencer.place(FRAME, 160, 160 * index, index if numbered else None)

    assert place(0) == [AudioReceived("caller", 0, FRAME)]
    assert place(2) == [MediaGap("caller", 160, 160), AudioReceived("caller", 320, FRAME)]
    assert place(2) == [MediaDropped("caller", 320, 160, "repeated")]
    assert place(1) == [MediaDropped("caller", 160, 160, "late")]
    assert place(3) == [AudioReceived("caller", 480, FRAME)]


def test_bunched_times() -> None:
    """A numbered frame is used even when its sender's clock ran ahead before it."""
    sequencer = _sequencer()
    sequencer.place(FRAME, 160, 0, 1)
    sequencer.place(FRAME, 160, 480, 2)

    assert sequencer.place(FRAME, 160, 328, 3) == [AudioReceived("caller", 640, FRAME)]


def test_leap() -> None:
    """A clock that leaps too far is an error that places nothing."""
    sequencer = _sequencer()
    with pytest.raises(PeerError) as raised:
        sequencer.place(FRAME, 160, 8001, 1)

    assert raised.value.code == "gap_too_long"
    assert sequencer.place(FRAME, 160, 0, 1) == [AudioReceived("caller", 0, FRAME)]
