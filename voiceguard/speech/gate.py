"""What of the net speech counts: held back for half a second of it, until it is known that a person speaks, and which.

A block ends with its 25th frame of net speech, when half a second of media brought none, or after 2 s. Blocks hang on
nothing but the place of samples, so that live and replayed calls cut the same windows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from voiceguard.speech.check import CONTEXT_FRAMES, Floats, SpeechCheck, block_measures, frame_measures
from voiceguard.speech.echo import AgentReference, echo_frames
from voiceguard.speech.vad import FRAME_SAMPLES, Frame

BLOCK_FRAMES = 25
"""Net speech of a block at most: 0.5 s."""
_QUIET_SAMPLES = 25 * FRAME_SAMPLES
"""Media without net speech that ends a block."""
_LONGEST_SAMPLES = (CONTEXT_FRAMES - 1) * FRAME_SAMPLES
"""Media from a block's first frame to its last: it must lie in the context."""
_BELIEVED_SAMPLES = 16000
"""2 s: so long after a block that passed the next one needs less."""
_LEVEL_BLOCKS = 0.1
"""Share of a new block in the caller's running level."""


class Gate:
    """One channel's net speech between endpointing and windows."""

    def __init__(self, check: SpeechCheck | None, agent: AgentReference | None = None) -> None:
        self._check = check
        self._agent = agent or AgentReference()
        self._held: list[Frame] = []
        self._context: deque[Frame] = deque(maxlen=CONTEXT_FRAMES)
        self._net: deque[int] = deque(maxlen=CONTEXT_FRAMES)
        self._own_power = 0.0
        self._believed_until = 0
        self.refused_frames = 0

    def feed(self, frame: Frame, net: Sequence[Frame]) -> list[Frame]:
        """Take a frame of media and the frames that it made net speech; those that now count, in order."""
        if self._check is None and not self._agent.heard and not self._held:
            return list(net)
        counted: list[Frame] = []
        if self._held and (
            frame.start_sample - self._held[-1].start_sample > _QUIET_SAMPLES
            or frame.start_sample - self._held[0].start_sample >= _LONGEST_SAMPLES
        ):
            counted += self.flush()
        self._context.append(frame)
        for one in net:
            self._held.append(one)
            self._net.append(one.start_sample)
            if len(self._held) == BLOCK_FRAMES:
                counted += self.flush()
        return counted

    def flush(self) -> list[Frame]:
        """Decide on what is held now."""
        held, self._held = self._held, []
        if not held:
            return []
        own = self._without_echo(held)
        if own and self._check is not None:
            measures = self.measures()
            goes_on = held[0].start_sample < self._believed_until
            least = self._check.threshold - (self._check.goes_on if goes_on else 0.0)
            if measures is None or self._check.log_odds(measures) < least:
                own = []
            else:
                self._believed_until = held[-1].start_sample + _BELIEVED_SAMPLES
        self.refused_frames += len(held) - len(own)
        if own:
            power = float(np.mean([np.mean(frame.band**2) for frame in own]))
            self._own_power += _LEVEL_BLOCKS * (power - self._own_power) if self._own_power else power
        return own

    def measures(self) -> Floats | None:
        """What the check measures of the context; None where none of it is net speech."""
        frames = list(self._context)
        starts = set(self._net)
        net = np.array([frame.start_sample in starts for frame in frames])
        if not net.any():
            return None
        samples = np.concatenate([np.zeros(FRAME_SAMPLES, np.float32), *(frame.band for frame in frames)])
        return block_measures(frame_measures(samples), net)

    def _without_echo(self, held: list[Frame]) -> list[Frame]:
        """The frames that are not the agent's voice; all of them where only the caller's channel comes."""
        if not self._agent.heard:
            return held
        frames = list(self._context)
        for place in range(len(frames) - 1, 0, -1):  # only what follows the last gap can be laid beside the agent
            if frames[place].start_sample - frames[place - 1].start_sample != FRAME_SAMPLES:
                frames = frames[place:]
                break
        caller = np.concatenate([frame.band for frame in frames])
        echo = echo_frames(caller, frames[0].start_sample, self._agent, self._own_power)
        agents = {frame.start_sample for frame, is_echo in zip(frames, echo, strict=True) if is_echo}
        return [frame for frame in held if frame.start_sample not in agents]
