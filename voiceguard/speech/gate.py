"""What of the net speech counts: held back until it is known that a person speaks, and which.

A block ends with its 25th frame of net speech, when half a second of media brought none, or after 2 s. Blocks hang on
nothing but the place of samples, so that live and replayed calls cut the same windows.

One block may err, several in a row seldom do: what the check says of each adds up to a belief that fades with time, and
a block that fell short counts after all when the belief is there within a few seconds of it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

import numpy as np

from voiceguard.events import RATE_HZ
from voiceguard.speech.check import CONTEXT_FRAMES, Floats, FrameMeasures, SpeechCheck, block_measures
from voiceguard.speech.echo import AgentReference, echo_frames
from voiceguard.speech.vad import FRAME_SAMPLES, Frame

BLOCK_FRAMES = 25
"""Net speech of a block at most: 0.5 s."""
_QUIET_SAMPLES = 25 * FRAME_SAMPLES
"""Media without net speech that ends a block."""
_LONGEST_SAMPLES = (CONTEXT_FRAMES - 1) * FRAME_SAMPLES
"""Media from a block's first frame to its last: it must lie in the context."""
_LEVEL_BLOCKS = 0.1
"""Share of a new block in the caller's running level."""
_LEAK = 10.0 ** (-18.0 / 10)
"""Power of a block, beside the caller's own, below which somebody else speaks: the agent out of a loudspeaker or a
hybrid, 20 dB down or more."""
_FADE_DB_PER_S = 0.3
"""Decay of that level while nothing counts: a caller who turns 20 dB quieter is heard after 7 s."""


class Gate:
    """One channel's net speech between endpointing and windows."""

    def __init__(self, check: SpeechCheck | None, agent: AgentReference | None = None) -> None:
        self._check = check
        self._agent = agent or AgentReference()
        self._held: list[Frame] = []
        self._context: deque[Frame] = deque(maxlen=CONTEXT_FRAMES + 1)
        """The frame before those that are measured, and these."""
        self._unmeasured = 0
        self._measures = FrameMeasures()
        self._net: deque[int] = deque(maxlen=CONTEXT_FRAMES)
        self._own_power = 0.0
        self._counted_at = 0
        """Where the last block that counted ends."""
        self._belief = Belief(check) if check else None
        self._holds_back = check is not None

    def feed(self, frame: Frame, net: Sequence[Frame]) -> list[Frame]:
        """Take a frame of media and the frames that it made net speech; those that now count, in order."""
        if not self._holds_back and not self._agent.heard and not self._held:
            return list(net)
        counted: list[Frame] = []
        if self._held and (
            frame.start_sample - self._held[-1].start_sample > _QUIET_SAMPLES
            or frame.start_sample - self._held[0].start_sample >= _LONGEST_SAMPLES
        ):
            counted += self.flush()
        self._context.append(frame)
        self._unmeasured += 1
        for one in net:
            self._held.append(one)
            self._net.append(one.start_sample)
            if len(self._held) == BLOCK_FRAMES:
                counted += self.flush()
        return counted

    def flush(self) -> list[Frame]:
        """Decide on what is held now."""
        held, self._held = self._held, []
        own = self._without_echo(held) if held else []
        if not own:
            return []
        samples = np.concatenate([frame.samples for frame in own])
        power = float(samples @ samples) / len(samples)
        if power < _LEAK * self._level_at(own[-1].start_sample):
            return []
        if self._check is not None and self._belief is not None:
            own = self._belief.feed(own, self._check.log_odds(self.measures(held)))
        if own:
            self._own_power += _LEVEL_BLOCKS * (power - self._own_power) if self._own_power else power
            self._counted_at = own[-1].start_sample
        return own

    def _level_at(self, sample: int) -> float:
        """The caller's power as it is remembered at this place of the media."""
        silent_s = max(0, sample - self._counted_at) / RATE_HZ
        return float(self._own_power * 10.0 ** (-_FADE_DB_PER_S * silent_s / 10.0))

    def measures(self, held: Sequence[Frame]) -> Floats:
        """What the check measures of a block that ends now."""
        new = min(self._unmeasured, CONTEXT_FRAMES)
        frames = list(self._context)[-new - 1 :]
        first = [] if len(frames) > new else [np.zeros(FRAME_SAMPLES, np.float32)]
        self._measures.feed(np.concatenate([*first, *(frame.samples for frame in frames)]))
        self._unmeasured = 0
        columns, counted = self._measures.columns, set(self._net)
        starts = [frame.start_sample for frame in list(self._context)[-len(columns) :]]
        net = np.array([start in counted for start in starts])
        return block_measures(columns, net, len(starts) - bisect_left(starts, held[0].start_sample))

    def _without_echo(self, held: list[Frame]) -> list[Frame]:
        """The frames that are not the agent's voice; all of them where only the caller's channel comes."""
        if not self._agent.spoke(held[0].start_sample, held[-1].start_sample + FRAME_SAMPLES):
            return held
        frames = list(self._context)
        for place in range(len(frames) - 1, 0, -1):  # only what follows the last gap can be laid beside the agent
            if frames[place].start_sample - frames[place - 1].start_sample != FRAME_SAMPLES:
                frames = frames[place:]
                break
        caller = np.concatenate([frame.samples for frame in frames])
        echo = echo_frames(caller, frames[0].start_sample, self._agent, self._own_power)
        agents = {frame.start_sample for frame, is_echo in zip(frames, echo, strict=True) if is_echo}
        return [frame for frame in held if frame.start_sample not in agents]


class Belief:
    """Whether a person speaks, from one block to the next, in log-odds."""

    def __init__(self, check: SpeechCheck) -> None:
        self._check = check
        self._log_odds = -check.most
        self._at = 0
        self._undecided: list[tuple[float, list[Frame]]] = []

    def feed(self, block: list[Frame], log_odds: float) -> list[Frame]:
        """Take a block with what the check says of it; the frames that now count, in order."""
        check, end = self._check, block[-1].start_sample + FRAME_SAMPLES
        kept = math.exp(-(end - self._at) / RATE_HZ / check.memory_s)
        self._log_odds = -check.most + kept * (self._log_odds + check.most)
        self._at = end
        self._log_odds = min(max(self._log_odds + log_odds - check.threshold, -check.most), check.most)
        self._undecided = [
            one for one in self._undecided if end - one[1][0].start_sample <= check.confirmed_s * RATE_HZ
        ]
        self._undecided.append((log_odds, block))
        if self._log_odds < 0:
            return []
        counted = [frame for odds, frames in self._undecided if odds >= check.least for frame in frames]
        self._undecided.clear()
        return counted
