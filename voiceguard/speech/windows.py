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
    hop_s: float
    """Seconds of net speech from one window's end to the next one's."""
    min_s: float
    """Seconds of net speech before the first window."""

    def __post_init__(self) -> None:
        if not (FRAME_S <= self.min_s <= self.window_s and self.hop_s >= FRAME_S):
            raise ConfigurationError(f"window of {self.task}: needs 0.02 <= min_s <= window_s and hop_s >= 0.02")


class Windower:
    """One channel's windows: the first of a task at `min_s` of net speech, the next every `hop_s` of it.

    Windows end with a whole frame and run across segments. One ring of the longest window serves all tasks.
    """

    def __init__(self, specs: Sequence[WindowSpec]) -> None:
        self._specs = tuple(specs)
        self._due = [round(spec.min_s * RATE_HZ) for spec in self._specs]
        longest_s = max((spec.window_s for spec in self._specs), default=FRAME_S)
        self._ring: Samples = np.zeros(math.ceil(longest_s * RATE_HZ / FRAME_SAMPLES) * FRAME_SAMPLES, np.float32)
        self.net_samples = 0

    def feed(self, frame: Frame) -> list[Window]:
        """Take one frame of net speech; the windows that end with it, in the order of the specs."""
        at = self.net_samples % len(self._ring)
        self._ring[at : at + FRAME_SAMPLES] = frame.samples
        self.net_samples += FRAME_SAMPLES
        windows = []
        for index, spec in enumerate(self._specs):
            if self.net_samples < self._due[index]:
                continue
            self._due[index] += round(spec.hop_s * RATE_HZ)
            windows.append(self._window(spec, frame.start_sample + FRAME_SAMPLES))
        return windows

    def _window(self, spec: WindowSpec, end_sample: int) -> Window:
        length = min(round(spec.window_s * RATE_HZ), self.net_samples)
        samples = np.roll(self._ring, -self.net_samples)[-length:]
        return Window(spec.task, samples.copy(), self.net_samples / RATE_HZ, end_sample / RATE_HZ)
