"""Is it still the voice that began the call? Compares who speaks now with who spoke first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from voiceguard.events import RATE_HZ, Voice, Window

Embedding = NDArray[np.float32]
Compare = Callable[[Embedding, Embedding, float, float], float]
"""(reference, recent, net speech of each in seconds) to ln p(x | different speakers) / p(x | same speaker)."""

REFERENCE_S = 6.0
"""Net speech that makes the first reference, seconds."""
RECENT_WINDOWS = 3
"""Windows that make up "now". Of the training folds' take-overs 91 % are found within 6 s at one false alarm an hour,
by two windows 87 %."""
SURE = -1.0
"""Evidence for the same voice, nats, below which speech joins the reference: another voice is never absorbed."""


class SpeakerChange:
    """The reference of one call's caller, and the comparison with every later window."""

    def __init__(self, compare: Compare) -> None:
        self._compare = compare
        self._reference: Embedding | None = None
        """Sum of the embeddings of the first voice."""
        self._reference_s = 0.0
        self._reference_windows = 0
        self._began_s = 0.0
        """Net speech at which the first reference ended: later windows begin after it."""
        self._recent: deque[tuple[Embedding, Window]] = deque(maxlen=RECENT_WINDOWS)
        self._other = False
        """Whether the latest comparison speaks for another voice."""
        self._same_until_s = 0.0

    @property
    def same_until_s(self) -> float:
        """Media time up to which only the first voice was heard: a change lies soon after it."""
        return self._same_until_s

    @property
    def first(self) -> Voice | None:
        """The voice that began the call, with all later speech that is surely its own; None before any speech."""
        if self._reference is None:
            return None
        return Voice(_unit(self._reference), self._reference_s, self._reference_windows)

    @property
    def now(self) -> Voice | None:
        """The voice that speaks now: `first`, unless the latest comparison speaks for another."""
        if not self._other:
            return self.first
        voice, recent_s = self._now()
        return Voice(voice, recent_s, len(self._recent))

    def feed(self, embedding: Embedding, window: Window) -> float | None:
        """Evidence that the voice changed, nats; None until there is a reference and speech after it.

        `embedding`: unit length, (192,). Windows come in order.
        """
        if self._reference is None or self._began_s < REFERENCE_S:
            self._reference = embedding if self._reference is None else self._reference + embedding
            self._reference_s = self._began_s = window.end_net_s
            self._reference_windows += 1
            self._same_until_s = window.end_s
            return None
        if _start_s(window) < self._began_s - _TOLERANCE_S:
            return None
        leaving = self._recent[0] if len(self._recent) == RECENT_WINDOWS else None
        self._recent.append((embedding, window))
        recent, recent_s = self._now()
        llr = self._compare(_unit(self._reference), recent, self._reference_s, recent_s)
        self._other = llr > 0.0
        if not self._other:
            # The newest window may hold some of another voice already: several are compared together.
            self._same_until_s = self._recent[0][1].end_s
        if llr < SURE and leaving is not None:
            voice, left = leaving
            self._reference = self._reference + voice
            self._reference_s += self._recent[0][1].end_net_s - left.end_net_s
            self._reference_windows += 1
        return llr

    def _now(self) -> tuple[Embedding, float]:
        recent = np.asarray(np.sum([voice for voice, _ in self._recent], axis=0), dtype=np.float32)
        newest, oldest = self._recent[-1][1], self._recent[0][1]
        return _unit(recent), newest.end_net_s - _start_s(oldest)


_TOLERANCE_S = 0.01


def _start_s(window: Window) -> float:
    return window.end_net_s - len(window.samples) / RATE_HZ


def _unit(vector: Embedding) -> Embedding:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float32)
