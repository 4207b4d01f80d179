"""Net speech to the windows that detectors score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voiceguard.errors import ConfigurationError
from voiceguard.events import RATE_HZ, Samples, Task, Window
from voiceguard.speech.vad import FRAME_S, FRAME_SAMPLES, Frame


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """When a task wants a window of net speech, and how much. Raises ConfigurationError unless a frame
    (20 ms) <= min_s <= window_s and a frame <= hop_s."""

    task: Task
    window_s: float
    """Seconds a window holds at most."""
    hop_s: float | None
    """Seconds of net speech from one window's end to the next one's; None: only on demand."""
    min_s: float
    """Seconds of net speech before the first window; on demand, new ones since the last demand."""

    def __post_init__(self) -> None:
        if not (FRAME_S <= self.min_s <= self.window_s and (self.hop_s is None or self.hop_s >= FRAME_S)):
            raise ConfigurationError(f"window of {self.task}: needs 0.02 <= min_s <= window_s and hop_s >= 0.02")


class Windower:
    """One channel's windows: the first of a task at `min_s` of net speech, the next every `hop_s` of it.

    Windows end with a whole frame and run across segments. One ring serves all tasks: it holds the longest window, and
    two of a task that comes on demand.
    """

    def __init__(self, specs: Sequence[WindowSpec]) -> None:
        self._specs = tuple(specs)
        self._due = [round(spec.min_s * RATE_HZ) for spec in self._specs]
        self._forgotten = self._demanded = 0
        """Net samples up to which speech was handed out on demand."""
        self._end_sample = 0
        longest_s = max((spec.window_s * (2 if spec.hop_s is None else 1) for spec in self._specs), default=FRAME_S)
        self._ring: Samples = np.zeros(math.ceil(longest_s * RATE_HZ / FRAME_SAMPLES) * FRAME_SAMPLES, np.float32)
        self.net_samples = 0

    def feed(self, frame: Frame) -> list[Window]:
        """Take one frame of net speech; the windows that end with it, in the order of the specs."""
        at = self.net_samples % len(self._ring)
        self._ring[at : at + FRAME_SAMPLES] = frame.samples
        self.net_samples += FRAME_SAMPLES
        self._end_sample = frame.start_sample + FRAME_SAMPLES
        windows = []
        for index, spec in enumerate(self._specs):
            if spec.hop_s is None or self.net_samples < self._due[index]:
                continue
            self._due[index] += round(spec.hop_s * RATE_HZ)
            windows.append(self._window(spec, min(round(spec.window_s * RATE_HZ), self.net_samples - self._forgotten)))
        return windows

    def demand(self) -> list[Window]:
        """Windows of the buffered net speech that no earlier demand was given, for tasks without a hop; oldest first.

        They follow one another without a gap, the last ends now, and the first may be shorter. What is left at the
        front is not judged when it is shorter than `min_s`. `end_s` is that of the last frame for all of them.
        """
        fresh = min(self.net_samples - self._demanded, len(self._ring))
        windows = []
        for spec in self._specs:
            if spec.hop_s is not None:
                continue
            whole, rest = divmod(fresh, round(spec.window_s * RATE_HZ))
            lengths = [round(spec.window_s * RATE_HZ)] * whole
            if rest >= round(spec.min_s * RATE_HZ):
                lengths.insert(0, rest)
            windows += [self._window(spec, lengths[place], sum(lengths[place + 1 :])) for place in range(len(lengths))]
        if windows:
            self._demanded = self.net_samples
        return windows

    def heard_lately(self) -> Samples:
        """A copy of what the ring holds, oldest first, (n,)."""
        kept = min(self.net_samples - self._forgotten, len(self._ring))
        return self._last(kept)

    def forget(self) -> None:
        """Drop the buffered speech; the next windows hold only what comes after it."""
        self._ring[:] = 0.0
        self._forgotten = self._demanded = self.net_samples
        self._due = [self.net_samples + round(spec.min_s * RATE_HZ) for spec in self._specs]

    def _window(self, spec: WindowSpec, length: int, back: int = 0) -> Window:
        """`length` samples that end `back` samples ago."""
        end_net = self.net_samples - back
        return Window(spec.task, self._last(length, back), end_net / RATE_HZ, self._end_sample / RATE_HZ)

    def _last(self, length: int, back: int = 0) -> Samples:
        """A copy of `length` samples that end `back` samples ago, oldest first."""
        start = (self.net_samples - back - length) % len(self._ring)
        whole = self._ring[start : start + length]
        return whole.copy() if len(whole) == length else np.concatenate((whole, self._ring[: length - len(whole)]))
