"""Stretches of speech that are scored, and their scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voiceguard.events.wire import Samples

Task = Literal["synthetic_voice", "synthetic_voice_verify", "speaker_embedding"]
"""`synthetic_voice_verify` is the second opinion: a slower model, asked only when an action's tier demands it."""


@dataclass(frozen=True, slots=True)
class ScoreReceived:
    window_id: int
    task: Task
    output: NDArray[np.float32]
    """The model's raw output for this window: a score (1,) or an embedding (192,)."""


@dataclass(frozen=True, slots=True)
class ScoreMissing:
    window_id: int
    task: Task
    reason: Literal["deadline", "queue_full", "model_error", "model_missing"]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one channel's net speech that is scored as one."""

    task: Task
    samples: Samples = field(repr=False)
    end_net_s: float
    """Net speech of the channel up to the window's end, seconds."""
    end_s: float
    """Media time of the window's end, seconds."""
