"""One channel's samples to windows of its net speech, the clock that all evidence is counted in."""

from __future__ import annotations

from collections.abc import Sequence

from voiceguard.events import RATE_HZ, Samples, Window
from voiceguard.speech.check import SpeechCheck
from voiceguard.speech.echo import AgentReference
from voiceguard.speech.endpointing import Endpointer, State
from voiceguard.speech.gate import Gate
from voiceguard.speech.vad import FRAME_S, Frame, SpeechOptions, Vad
from voiceguard.speech.windows import Windower, WindowSpec

__all__ = [
    "Endpointer", "Frame", "SpeechCheck", "SpeechOptions", "SpeechTrack", "State", "Vad", "WindowSpec", "Windower",
]

PAUSE_S = 0.5
"""Shorter pauses do not part two stretches of speech."""


class SpeechTrack:
    """One channel of a call, from samples to windows. Feeding in other chunks gives the same windows.

    With a `check`, or once the agent's channel is heard, net speech counts up to half a second of it later: when it is
    known that a person speaks, and that it is not the agent. Every window then consists of checked speech.
    """

    def __init__(
        self, options: SpeechOptions, specs: Sequence[WindowSpec], check: SpeechCheck | None = None
    ) -> None:
        self._vad = Vad(options)
        self._check = check
        self._agent = AgentReference()
        self._gate = Gate(check, self._agent)
        self._endpointer = Endpointer(options)
        self._windower = Windower(specs)
        self._segments: list[tuple[float, float]] = []

    def feed(self, samples: Samples) -> list[Window]:
        """Take samples (n,) float32 at 8 kHz; the windows that are complete now, in order of their ends.

        Samples beyond [-1, 1], infinite ones included, are clipped; NaN counts as zero.
        """
        windows: list[Window] = []
        for frame in self._vad.feed(samples):
            windows += self._count(self._gate.feed(frame, self._endpointer.feed(frame)))
        return windows

    def finish(self) -> list[Window]:
        """The channel has ended: the windows that the speech held back completes."""
        return self._count(self._gate.flush())

    def hear_agent(self, samples: Samples) -> None:
        """Take the agent's samples (n,) float32 at 8 kHz of the same media, beside which echoes are known. They are
        kept for 4 s and go nowhere else."""
        self._agent.feed(samples)

    def skip_agent(self, samples: int) -> None:
        """The agent's media goes on by `samples` at 8 kHz that will not come."""
        self._agent.skip(samples)

    def _count(self, frames: Sequence[Frame]) -> list[Window]:
        windows: list[Window] = []
        for net in frames:
            self._extend(net)
            windows += self._windower.feed(net)
        return windows

    def demand(self) -> list[Window]:
        """Windows of the buffered net speech for tasks that have no hop of their own, see `Windower.demand`."""
        return self._windower.demand()

    def skip(self, samples: int) -> None:
        """Media that will not come, or a pause: the clock goes on by `samples` at 8 kHz and the segment ends.

        Less than a frame that was heard before it is dropped, never joined to what comes after. Net speech and windows
        run on across it. Raises ValueError for a negative number.
        """
        if samples < 0:
            raise ValueError("a gap cannot be shorter than nothing")
        self._vad.skip(samples)
        self._endpointer.gap()

    def forget(self) -> None:
        """Drop all speech that is in memory, the agent's too; the clocks go on."""
        self.skip(0)
        self._agent = AgentReference()
        self._gate = Gate(self._check, self._agent)
        self._windower.forget()

    def heard_lately(self) -> Samples:
        """A copy of the buffered net speech, oldest first, (n,): at most what two demands hold."""
        return self._windower.heard_lately()

    @property
    def segments(self) -> Sequence[tuple[float, float]]:
        """Stretches of net speech in media time, seconds, oldest first; short pauses do not part them, and the last one
        may grow."""
        return self._segments

    def _extend(self, net: Frame) -> None:
        start_s, end_s = net.start_sample / RATE_HZ, net.start_sample / RATE_HZ + FRAME_S
        if self._segments and start_s - self._segments[-1][1] < PAUSE_S:
            self._segments[-1] = self._segments[-1][0], end_s
        else:
            self._segments.append((start_s, end_s))

    @property
    def at_s(self) -> float:
        """Media time: seconds heard or skipped."""
        return self._vad.at_sample / RATE_HZ

    @property
    def net_s(self) -> float:
        """Seconds of net speech."""
        return self._windower.net_samples / RATE_HZ
