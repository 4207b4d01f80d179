"""A recording through the same `Call` as live audio, as fast as the machine allows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from voiceguard.adapters.models.detectors import Detectors
from voiceguard.adapters.models.scheduler import Scorer
from voiceguard.call import Call
from voiceguard.events import (
    RATE_HZ,
    AudioReceived,
    CallEnded,
    CallInput,
    CallStarted,
    KnownVoices,
    Outcome,
    Samples,
    ScoreReceived,
    ScoreRequested,
    Task,
    VoiceAsked,
    VoiceTaken,
)
from voiceguard.policy.rules import Policy
from voiceguard.settings import Settings

_FRAME = RATE_HZ // 50


def take_voice(
    samples: Samples, started: CallStarted, asked: VoiceAsked, *, settings: Settings, policy: Policy,
    detectors: Detectors, known: KnownVoices, now: float,
) -> tuple[VoiceTaken, Sequence[Outcome]]:
    """Hear samples (n,) at 8 kHz as one caller, then ask for the voice: the answer, and all that was said before it.

    `started` has the encoding l16 at 8 kHz. Raises ModelError when a detector fails.
    """
    call = Call(
        started, settings, policy, detectors.specs, detectors.calibrations, os.urandom, known, check=detectors.check
    )
    payload = np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
    events: list[CallInput] = [started]
    events += [
        AudioReceived("caller", start, payload[2 * start : 2 * (start + _FRAME)])
        for start in range(0, len(samples), _FRAME)
    ]
    outcomes: list[Outcome] = []
    for event in (*events, asked, CallEnded("stopped")):
        outcomes += _settle(call, call.receive(event, now), detectors.scorers, now)
    taken = next(outcome for outcome in outcomes if isinstance(outcome, VoiceTaken))
    return taken, outcomes


def _settle(call: Call, outcomes: list[Outcome], scorers: Mapping[Task, Scorer], now: float) -> list[Outcome]:
    """Answer every request for a score until there are none."""
    settled: list[Outcome] = []
    while outcomes:
        outcome = outcomes.pop(0)
        if isinstance(outcome, ScoreRequested):
            output = scorers[outcome.window.task]([outcome.window.samples])[0]
            outcomes += call.receive(ScoreReceived(outcome.window_id, outcome.window.task, np.atleast_1d(output)), now)
        else:
            settled.append(outcome)
    return settled
