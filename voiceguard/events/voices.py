"""Voices that a call's is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Voice:
    """One speaker as the speaker encoder hears them. Biometric: `as_record` refuses it, and no repr shows it."""

    embedding: NDArray[np.float32] = field(repr=False)
    """Unit length, (192,)."""
    net_speech_s: float
    """Net speech behind it, seconds."""
    windows: int
    """Windows that were heard of it."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An entry of a list of voices that lies near a caller's."""

    entry_id: str
    cosine: float
    net_speech_s: float
    """Net speech behind the entry, seconds."""


class VoiceList(Protocol):
    """Voices that are looked for in every call."""

    def __len__(self) -> int: ...

    def nearest(self, embedding: NDArray[np.float32]) -> Sequence[Neighbour]:
        """The entries that lie nearest to a unit-length embedding (192,), nearest first; at least one if there are any.
        """
        ...


@dataclass(frozen=True, slots=True)
class KnownVoices:
    """What a call's voice is compared with besides itself, from its start or from when its customer is named."""

    voiceprint: Voice | None = None
    """The claimed customer's, enrolled with consent."""
    watchlist: VoiceList | None = None
    """Known fraudsters."""
    others: VoiceList | None = None
    """Voices that other customers' calls had lately."""
