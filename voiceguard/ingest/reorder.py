"""What was lost, repeated or late on one channel of a stream whose frames carry a time and a number."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import NamedTuple

from voiceguard.errors import PeerError
from voiceguard.events import AudioReceived, Channel, MediaDropped, MediaGap

REMEMBERED = 256
"""Frames remembered to tell a repeat from a latecomer: five seconds of them."""
REORDERED = 8
"""Frames that wait for one before them at most: 160 ms of 20 ms frames."""

Placed = AudioReceived | MediaGap | MediaDropped


class Sequencer:
    """Places one channel's frames on its clock; nothing is held back, so nothing waits.

    A frame is new when its number is higher than any before; without numbers, when its time is. A new frame follows
    the last sample unless its time is at least `tolerance` ahead: then that much is a gap. Times closer than that are
    rounding or jitter of the sender's clock, and they do not add up, since each is compared with the samples received.
    """

    def __init__(self, channel: Channel, *, tolerance: int, max_gap: int) -> None:
        """`tolerance`, `max_gap`: samples."""
        self.channel: Channel = channel
        self._tolerance = tolerance
        self._max_gap = max_gap
        self.position = 0
        """Where the next sample goes."""
        self._highest = -1
        self._seen: deque[int] = deque(maxlen=REMEMBERED)

    def place(
        self, payload: bytes, samples: int | None, start_sample: int, frame_number: int | None = None
    ) -> list[Placed]:
        """The frame's audio behind its gap, or why it is not used. `samples`: None for a payload that is damaged.

        `start_sample` is where its sender's clock puts it. Raises PeerError("gap_too_long") and places nothing when
        that is more than `max_gap` ahead.
        """
        if samples is None:
            return [MediaDropped(self.channel, start_sample, 0, "corrupt")]
        ahead = start_sample - self.position
        if frame_number is None:
            mark, new = start_sample, ahead > -self._tolerance
        else:
            mark, new = frame_number, frame_number > self._highest
        if not new:
            return [MediaDropped(self.channel, start_sample, samples, "repeated" if mark in self._seen else "late")]
        if ahead > self._max_gap:
            raise PeerError("gap_too_long", "the stream's clock leapt ahead")
        placed: list[Placed] = []
        if ahead >= self._tolerance:
            placed.append(MediaGap(self.channel, self.position, ahead))
            self.position = start_sample
        placed.append(AudioReceived(self.channel, self.position, payload))
        self.position += samples
        self._highest = max(self._highest, mark)
        self._seen.append(mark)
        return placed

    def follow(self, payload: bytes, samples: int | None, frame_number: int) -> list[Placed]:
        """As `place`, where numbers alone can be trusted: a number that is skipped was a frame as long as this one."""
        skipped = frame_number - self._highest - 1 if self._highest >= 0 else 0
        return self.place(payload, samples, max(0, self.position + skipped * (samples or 0)), frame_number)


class _Frame(NamedTuple):
    payload: bytes
    samples: int | None


class Reorderer:
    """Frames of one channel that may come in any order, back in their own and through a sequencer.

    A frame waits while one before it is missing, and REORDERED of them at most: then the missing one is lost, and late
    should it come. Frames count from 1; where they begin elsewhere, the first few wait in vain, once.
    """

    def __init__(self, sequencer: Sequencer) -> None:
        self._sequencer = sequencer
        self._next = 1
        self._held: dict[int, _Frame] = {}

    def push(self, payload: bytes, samples: int | None, number: int) -> list[Placed]:
        """What is in its turn by now. Raises PeerError as the sequencer does, and has then changed nothing."""
        if number in self._held:
            return [MediaDropped(self._sequencer.channel, self._sequencer.position, samples or 0, "repeated")]
        if number < self._next:
            return self._sequencer.follow(payload, samples, number)
        following = self._next
        self._held[number] = _Frame(payload, samples)
        try:
            placed = self._release()
            if len(self._held) > REORDERED:  # only where nothing was released
                self._next = min(self._held)
                placed = self._release()
        except PeerError:
            del self._held[number]
            self._next = following
            raise
        return placed

    def flush(self) -> list[Placed]:
        """What still waits at the stream's end, in order, up to a leap: nobody is left to be refused."""
        placed: list[Placed] = []
        with suppress(PeerError):
            while self._held:
                self._next = min(self._held)
                placed += self._release()
        self._held.clear()
        return placed

    def _release(self) -> list[Placed]:
        """The frames in their turn. One that leaps behind another stays held, and raises when it is released next."""
        placed: list[Placed] = []
        while (frame := self._held.get(self._next)) is not None:
            try:
                placed += self._sequencer.follow(frame.payload, frame.samples, self._next)
            except PeerError:
                if placed:
                    break
                raise
            del self._held[self._next]
            self._next += 1
        return placed
