"""One channel's clock: jitter is forgiven, losses are counted, nothing is used twice."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.errors import PeerError
from voiceguard.events import AudioReceived, MediaDropped, MediaGap
from voiceguard.ingest.reorder import REORDERED, Placed, Reorderer, Sequencer

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


# ── out of order ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _payload(number: int) -> bytes:
    return number.to_bytes(2, "big") * 80


def _reordered(numbers: list[int]) -> list[Placed]:
    reorderer = Reorderer(Sequencer("caller", tolerance=1, max_gap=10**6))
    placed = [event for number in numbers for event in reorderer.push(_payload(number), 160, number)]
    return placed + reorderer.flush()


@given(st.integers(1, 60), st.randoms(use_true_random=False), st.integers(0, REORDERED))
def test_shuffled_within_the_window(count: int, chance: Random, reach: int) -> None:
    """However the frames are shuffled within the window, they come out in order and none is lost."""
    numbers = sorted(range(1, count + 1), key=lambda number: number + chance.randint(0, reach))

    assert [AudioReceived("caller", 160 * (number - 1), _payload(number)) for number in range(1, count + 1)] == (
        _reordered(numbers)
    )


@given(st.lists(st.integers(1, 40), max_size=80), st.integers(0, 30))
def test_any_order(numbers: list[int], first: int) -> None:
    """Whatever comes, audio and gaps tile the clock, no frame is used twice, numbers rise, and little is held."""
    reorderer = Reorderer(Sequencer("caller", tolerance=1, max_gap=10**6))
    position, used = 0, []
    placed: list[Placed] = []
    for number in numbers:
        placed += reorderer.push(_payload(first + number), 160, first + number)
        assert len(reorderer._held) <= REORDERED
    for event in placed + reorderer.flush():
        if isinstance(event, MediaDropped):
            continue
        assert position == event.start_sample
        if isinstance(event, MediaGap):
            position += event.samples
        else:
            used.append(int.from_bytes(event.payload[:2], "big"))
            position += 160

    assert sorted(set(used)) == used
    assert set(used) <= {first + number for number in numbers}
    assert not numbers or position == 160 * (used[-1] - used[0] + 1)


def test_lost_for_good() -> None:
    """A frame that never comes holds the others up for the window, and is then a gap; late, it is dropped."""
    reorderer = Reorderer(Sequencer("caller", tolerance=1, max_gap=10**6))
    reorderer.push(_payload(1), 160, 1)
    for number in range(3, 3 + REORDERED):
        assert [] == reorderer.push(_payload(number), 160, number)
    released = reorderer.push(_payload(3 + REORDERED), 160, 3 + REORDERED)

    assert MediaGap("caller", 160, 160) == released[0]
    assert REORDERED + 2 == len(released)
    (late,) = reorderer.push(_payload(2), 160, 2)
    assert isinstance(late, MediaDropped) and "late" == late.reason


def test_repeated_while_it_waits() -> None:
    """The second of two frames of one number is dropped, whether the first was used or waits."""
    reorderer = Reorderer(Sequencer("caller", tolerance=1, max_gap=10**6))
    reorderer.push(_payload(2), 160, 2)

    assert [MediaDropped("caller", 0, 160, "repeated")] == reorderer.push(_payload(2), 160, 2)
    assert 2 == len(reorderer.push(_payload(1), 160, 1))
    assert ["repeated"] == [
        event.reason for event in reorderer.push(_payload(2), 160, 2) if isinstance(event, MediaDropped)
    ]


def test_damaged_frames() -> None:
    """A damaged frame is told, and its time is a gap once the next one comes."""
    sequencer = Sequencer("caller", tolerance=1, max_gap=10**6)

    assert [AudioReceived("caller", 0, FRAME)] == sequencer.follow(FRAME, 160, 7)
    assert [MediaDropped("caller", 160, 0, "corrupt")] == sequencer.follow(FRAME, None, 8)
    assert [MediaGap("caller", 160, 160), AudioReceived("caller", 320, FRAME)] == sequencer.follow(FRAME, 160, 9)
    with pytest.raises(PeerError):
        sequencer.follow(FRAME, 160, 10**9)


def test_a_leap_at_the_end_is_left_out() -> None:
    """When a stream ends there is nobody to refuse: what waits behind a leap of the numbers is dropped, and no more."""
    reorderer = Reorderer(Sequencer("caller", tolerance=1, max_gap=8000))
    reorderer.push(b"x" * 160, 160, 1)
    reorderer.push(b"y" * 160, 160, 3)
    reorderer.push(b"z" * 160, 160, 10**6)

    assert [MediaGap("caller", 160, 160), AudioReceived("caller", 320, b"y" * 160)] == reorderer.flush()
    assert [] == reorderer.flush()


def test_refused_push_changes_nothing() -> None:
    """A leap is refused as often as it is pushed, and the frames that waited before it still wait."""
    reorderer = Reorderer(Sequencer("caller", tolerance=1, max_gap=8000))
    reorderer.push(FRAME, 160, 1)
    for number in range(10**6, 10**6 + REORDERED):
        assert [] == reorderer.push(FRAME, 160, number)

    for _ in range(2):
        with pytest.raises(PeerError, match="leapt"):
            reorderer.push(FRAME, 160, 10**6 + REORDERED)
    assert [AudioReceived("caller", 160, FRAME)] == reorderer.push(FRAME, 160, 2)


def test_leap_behind_released_audio_is_refused_next() -> None:
    """Audio that was placed is not lost to the leap of a longer frame behind it."""
    reorderer = Reorderer(Sequencer("caller", tolerance=1, max_gap=1000))
    for number, samples in ((2, None), (3, 2000)):
        assert [] == reorderer.push(FRAME, samples, number)

    assert [AudioReceived("caller", 0, FRAME), MediaDropped("caller", 160, 0, "corrupt")] == reorderer.push(
        FRAME, 160, 1
    )
    with pytest.raises(PeerError, match="leapt"):
        reorderer.push(FRAME, 160, 4)
