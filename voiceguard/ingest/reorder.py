"""What was lost, repeated or late on one channel of a stream whose frames carry a time and a number."""

from __future__ import annotations

from collections import deque

from voiceguard.errors import PeerError
from voiceguard.events import AudioReceived, Channel, MediaDropped, MediaGap

REMEMBERED = 256
"""Frames remembered to tell a repeat from a latecomer: five seconds of them."""


class Sequencer:
    """Places one channel's frames on its clock; nothing is held back, so nothing waits.

    A frame is new when its number is higher than any before; without numbers, when its time is. A new frame follows
    the last sample unless its time is at least `tolerance` ahead: then that much is a gap. Times closer than that are
    rounding or jitter of the sender's clock, and they do not add up, since each is compared with the samples received.
    """

    def __init__(self, channel: Channel, *, tolerance: int, max_gap: int) -> None:
        """`tolerance`, `max_gap`: samples."""
        self._channel: Channel = channel
        self._tolerance = tolerance
        self._max_gap = max_gap
        self._position = 0
        self._highest = -1
        self._seen: deque[int] = deque(maxlen=REMEMBERED)

    def place(
        self, payload: bytes, samples: int, start_sample: int, frame_number: int | None = None
    ) -> list[AudioReceived | MediaGap | MediaDropped]:
        """The frame's audio behind its gap, or why it is not used.

        `start_sample` is where its sender's clock puts it. Raises PeerError("gap_too_long") and places nothing when
        that is more than `max_gap` ahead.
        """
        ahead = start_sample - self._position
        if frame_number is None:
            mark, new = start_sample, ahead > -self._tolerance
        else:
            mark, new = frame_number, frame_number > self._highest
        if not new:
            return [MediaDropped(self._channel, start_sample, samples, "repeated" if mark in self._seen else "late")]
        if ahead > self._max_gap:
            raise PeerError("gap_too_long", "the stream's clock leapt ahead")
        placed: list[AudioReceived | MediaGap | MediaDropped] = []
        if ahead >= self._tolerance:
            placed.append(MediaGap(self._channel, self._position, ahead))
            self._position = start_sample
        placed.append(AudioReceived(self._channel, self._position, payload))
        self._position += samples
        self._highest = max(self._highest, mark)
        self._seen.append(mark)
        return placed
