"""Frames to segments of speech, as a state table, and which frames are net speech.

    SILENCE -> ONSET -> SPEECH <-> HANGOVER -> SILENCE

Speech counts as net speech once it has lasted, and then from its first frame; a shorter burst never counts. Inside a
segment only speech frames count, exactly as the training data was cut; the hangover's silence does not.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Literal

from voiceguard.speech.vad import FRAME_S, Frame, Kind, SpeechOptions


class State(Enum):
    """Where a channel stands."""

    SILENCE = auto()
    ONSET = auto()
    SPEECH = auto()
    HANGOVER = auto()


HEARD: dict[State, dict[Kind | Literal["gap"], State]] = {
    State.SILENCE: {
        "speech": State.ONSET,
        "silence": State.SILENCE,
        "tone": State.SILENCE,
        "gap": State.SILENCE,
    },
    State.ONSET: {
        "speech": State.ONSET,
        "silence": State.SILENCE,
        "tone": State.SILENCE,
        # On a line that loses every fourth packet no onset would ever last, were it dropped here.
        "gap": State.ONSET,
    },
    State.SPEECH: {
        "speech": State.SPEECH,
        "silence": State.HANGOVER,
        "tone": State.SILENCE,
        "gap": State.SILENCE,
    },
    State.HANGOVER: {
        "speech": State.SPEECH,
        "silence": State.HANGOVER,
        "tone": State.SILENCE,
        "gap": State.SILENCE,
    },
}
"""State after what is heard next."""

LASTED: dict[State, State] = {State.ONSET: State.SPEECH, State.HANGOVER: State.SILENCE}
"""State after as many frames as the options allow this one."""


class Endpointer:
    """One channel's segments."""

    def __init__(self, options: SpeechOptions) -> None:
        self.state = State.SILENCE
        self._limits = {
            State.ONSET: max(1, round(options.onset_s / FRAME_S)),
            State.HANGOVER: max(1, round(options.hangover_s / FRAME_S)),
        }
        self._frames_in_state = 0
        self._held: list[Frame] = []

    def feed(self, frame: Frame) -> list[Frame]:
        """The frames that now turn out to be net speech, in order: none, this one, or a whole onset up to this one."""
        state = HEARD[self.state][frame.kind]
        self._frames_in_state = self._frames_in_state + 1 if state is self.state else 1
        self.state = state
        if state in LASTED and self._frames_in_state >= self._limits[state]:
            self.state = LASTED[state]
        if self.state is State.SPEECH:
            net, self._held = [*self._held, frame], []
            return net
        if self.state is State.ONSET:
            self._held.append(frame)
        else:
            self._held.clear()
        return []

    def gap(self) -> None:
        """Media is missing here: a segment ends; an onset goes on waiting."""
        self.state = HEARD[self.state]["gap"]
