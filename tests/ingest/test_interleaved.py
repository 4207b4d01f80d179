"""Samples of several channels in one byte stream: how it is cut does not matter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voiceguard.events import AudioReceived, Channel
from voiceguard.ingest.interleaved import Interleaved

CHANNELS: tuple[Channel, ...] = ("caller", "agent")


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200)), width=st.sampled_from([1, 2]))
def test_cuts_do_not_matter(data: bytes, cuts: list[int], width: int) -> None:
    """Each channel's samples join to what was sent of it, in their places, up to the last whole group."""
    audio = Interleaved(CHANNELS, width)
    edges = [0, *sorted(cuts), len(data)]
    events = [event for begin, end in zip(edges, edges[1:], strict=False) for event in audio.feed(data[begin:end])]
    groups = len(data) // (2 * width)

    for index, name in enumerate(CHANNELS):
        own = [event for event in events if event.channel == name]
        expected = b"".join(data[(2 * at + index) * width :][:width] for at in range(groups))
        assert expected == b"".join(event.payload for event in own)
        assert [len(b"".join(event.payload for event in own[:at])) // width for at in range(len(own))] == [
            event.start_sample for event in own
        ]


def test_one_channel() -> None:
    """One channel's bytes pass as they are, but for half a sample, which waits for its other half."""
    audio = Interleaved(("caller",), 2)

    assert [AudioReceived("caller", 0, b"ab")] == audio.feed(b"abc")
    assert [AudioReceived("caller", 1, b"cd")] == audio.feed(b"d")
    assert [] == audio.feed(b"")
