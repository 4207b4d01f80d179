"""One call with scripted models and real speech, for the tests of `Call`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from voiceguard.call import Call
from voiceguard.codecs import g711
from voiceguard.detectors import Calibrations, speaker, synthetic
from voiceguard.events import (
    ActionDecided,
    ActionRequested,
    AudioReceived,
    CallInput,
    CallStarted,
    CodeToDeliver,
    CustomerFacts,
    Outcome,
    Risk,
    RiskChanged,
    ScoreReceived,
    ScoreRequested,
    Window,
)
from voiceguard.policy.rules import load
from voiceguard.settings import Settings
from voiceguard.speech import WindowSpec

ROOT = Path(__file__).parents[1]
POLICY = load((ROOT / "policies" / "default.yaml").read_text(encoding="utf-8"))
SPECS = (
    WindowSpec("synthetic_voice", 4.0, 1.0, 2.0), WindowSpec("speaker_embedding", 3.0, 1.5, 3.0),
    WindowSpec("synthetic_voice_verify", 4.0, None, 2.0),
)
CALIBRATIONS = Calibrations(
    synthetic.Calibration(scale=1.0, offset=0.0, limit=2.7),
    speaker.Calibration(
        scale=10.0, duration=0.0, offset=-5.0, min_speech_s=1.0, max_speech_s=9.0, limit=4.0, same_limit=9.0
    ),
    synthetic.Calibration(scale=1.0, offset=0.0, limit=2.7),
)
SAMPLES = soundfile.read(ROOT / "samples" / "02-recovery.wav", dtype="float32")[0]
CALLER = g711.encode_ulaw(np.ascontiguousarray(SAMPLES[:, 0]))
AGENT = g711.encode_ulaw(np.ascontiguousarray(SAMPLES[:, 1]))
CUSTOMER = CustomerFacts("customer-1")
NOW = 1_700_000_000.0
Model = Callable[[Window], float]


def genuine(_: Window) -> float:
    return -2.0


def spoofed(_: Window) -> float:
    return 2.0


def spoofed_from(net_s: float) -> Model:
    return lambda window: 2.0 if window.end_net_s > net_s + 2.0 else -2.0


class Bench:
    """One call, models that answer at once (or when told), and every outcome."""

    def __init__(
        self, detector: Model = genuine, other_voice_from_s: float = 1e9, consent: bool = True, require: bool = False,
        encoding: Any = "pcmu", rate_hz: int = 8000, answers: bool = True, closer: Model | None = None,
    ) -> None:
        counter = itertools.count(1)
        started = CallStarted(
            "call-1", encoding, rate_hz, ("caller", "agent"), "customer-1",
            frozenset({"voice_analysis"}) if consent else frozenset(),
        )
        self.call = Call(
            started, Settings(require_consent=require), POLICY, SPECS, CALIBRATIONS,
            lambda size: (next(counter) * 7919).to_bytes(size, "big"),
        )
        self.detector, self.other_voice_from_s, self.answers = detector, other_voice_from_s, answers
        self.closer = closer or detector
        self.position = 0
        self.now = NOW
        self.log: list[Outcome] = []
        self.waiting: list[ScoreRequested] = []
        self.put(started)

    def put(self, event: CallInput) -> list[Outcome]:
        """One event, and what the models say to its windows."""
        outcomes = self.call.receive(event, self.now)
        self.log += outcomes
        for outcome in outcomes:
            if isinstance(outcome, ScoreRequested):
                self.waiting.append(outcome)
        while self.answers and self.waiting:
            self.put(self.score(self.waiting.pop(0)))
        return outcomes

    def score(self, request: ScoreRequested) -> ScoreReceived:
        window = request.window
        if window.task != "speaker_embedding":
            model = self.detector if window.task == "synthetic_voice" else self.closer
            return ScoreReceived(request.window_id, window.task, np.array([model(window)], np.float32))
        voice = np.zeros(192, np.float32)
        middle_s = window.end_net_s - len(window.samples) / 16000
        voice[int(middle_s > self.other_voice_from_s)] = 1.0
        return ScoreReceived(request.window_id, window.task, voice)

    def hear(self, until_s: float, step: int = 160, audio: bytes = CALLER, channel: Any = "caller") -> None:
        """The caller's audio up to a place of the media."""
        end = int(until_s * 8000)
        while self.position < end:
            part = audio[self.position : min(self.position + step, end)]
            self.put(AudioReceived(channel, self.position, part))
            self.position += len(part)

    def ask(self, action: str = "account_recovery", action_id: str = "a1", customer: Any = CUSTOMER) -> None:
        self.put(ActionRequested(action_id, action, {}, customer))

    def of(self, kind: type) -> list[Any]:
        return [outcome for outcome in self.log if isinstance(outcome, kind)]

    @property
    def risk(self) -> Risk:
        risk: Risk = self.of(RiskChanged)[-1].risk
        return risk

    @property
    def decisions(self) -> list[tuple[str, str]]:
        return [(decided.action, decided.decision.value) for decided in self.of(ActionDecided)]

    @property
    def code(self) -> str:
        code: str = self.of(CodeToDeliver)[-1].code
        return code
