"""A labelled call through the same `Call` as live audio, as fast as the machine allows, the same on every run.

The driver does what a platform and the live server do between them: mu-law frames of 20 ms, events at their media time,
the customer's one-time code keyed where the set says `<otp>`. Wall-clock time is the call's own media time, and the
unpredictable bytes come from its id, so nothing depends on when or where it runs. Every customer that a call names is
known, has no authenticator and no lock-out: calls of a set know nothing of each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from voiceguard.adapters.models.detectors import Detectors
from voiceguard.analysis.callsets.callset import Drop, Dtmf, Event, Intent, LabelledCall, Transcript
from voiceguard.analysis.results import CallResult, Decided, Noted, Point, Run
from voiceguard.call import Call
from voiceguard.codecs import g711
from voiceguard.errors import AudioFileError, ModelError, PeerError
from voiceguard.events import (
    RATE_HZ,
    ActionDecided,
    ActionRequested,
    AudioReceived,
    CallEnded,
    CallInput,
    CallStarted,
    CodeToDeliver,
    CustomerFacts,
    DtmfReceived,
    KnownVoices,
    Outcome,
    Risk,
    RiskChanged,
    Samples,
    ScoreMissing,
    ScoreReceived,
    ScoreRequested,
    TextFlagged,
    TimePassed,
    TranscriptReceived,
    VoiceChanged,
    VoiceMatched,
)
from voiceguard.measures.drift import BINS, describe
from voiceguard.policy.rules import Policy
from voiceguard.settings import Settings

STARTED_AT = 1_700_000_000.0
"""Unix time at which every replayed call begins."""
_FRAME = RATE_HZ // 50
_DIGITS = 4
"""Decimals kept: seconds and nats beyond them are noise."""


def replay(
    call: LabelledCall, policies: Sequence[Policy], *, settings: Settings, detectors: Detectors,
    known: KnownVoices | None = None,
) -> CallResult:
    """The call under each policy; `known`: the voices that are looked for in it.

    A file or a detector that fails gives a result with an error, never an exception.
    """
    try:
        samples = call.read()
        if "caller" not in samples:
            raise AudioFileError("has no channel of the caller")
        scores = _Scores(detectors)
        players = [_Player(call, policy, settings, detectors, scores, known) for policy in policies]
        runs = [player.play(samples["caller"]) for player in players]
    except (AudioFileError, ModelError, PeerError) as error:
        return CallResult(call_id=call.call_id, error=str(error))
    return CallResult(
        call_id=call.call_id, duration_s=_round(len(samples["caller"]) / RATE_HZ),
        net_speech_s=_round(players[0].net_s), runs=tuple(runs), drift=scores.drift(),
    )


@dataclass
class _Scores:
    """The models' answers on one call's windows, each asked once however many policies want it."""

    detectors: Detectors
    _known: dict[tuple[object, ...], ScoreReceived | ScoreMissing] = field(default_factory=dict)
    _counts: dict[str, list[int]] = field(default_factory=dict)

    def answer(self, request: ScoreRequested) -> ScoreReceived | ScoreMissing:
        """As the live scheduler answers, but at once."""
        window, task = request.window, request.window.task
        key = task, window.end_net_s, len(window.samples)
        if key not in self._known:
            scorer = self.detectors.scorers.get(task)
            if scorer is None:
                self._known[key] = ScoreMissing(0, task, "model_missing")
            else:
                try:
                    # One window a run: what a batch gives may hang on its neighbours in the last digit.
                    self._known[key] = ScoreReceived(0, task, np.atleast_1d(scorer([window.samples])[0]))
                except ModelError:
                    self._known[key] = ScoreMissing(0, task, "model_error")
            self._count(self._known[key], window.samples)
        known = self._known[key]
        if isinstance(known, ScoreMissing):
            return ScoreMissing(request.window_id, task, known.reason)
        return ScoreReceived(request.window_id, task, known.output)

    def _count(self, answer: ScoreReceived | ScoreMissing, samples: Samples) -> None:
        if isinstance(answer, ScoreMissing) or answer.task != "synthetic_voice":
            return
        values = {"score": float(answer.output[0]), **describe(samples)}
        for name, edges in self.detectors.reference.items():
            counts = self._counts.setdefault(name, [0] * BINS)
            counts[int(np.searchsorted(edges, values[name]))] += 1

    def drift(self) -> Mapping[str, tuple[int, ...]]:
        """Windows in each bin of the model's papers."""
        return {name: tuple(counts) for name, counts in self._counts.items()}


class _Player:
    """One call under one policy."""

    def __init__(
        self, call: LabelledCall, policy: Policy, settings: Settings, detectors: Detectors, scores: _Scores,
        known: KnownVoices | None,
    ) -> None:
        self._call, self._policy, self._scores = call, policy, scores
        self._started = CallStarted(
            call.call_id, "pcmu", RATE_HZ, ("caller",), call.customer_ref, frozenset({"voice_analysis"})
        )
        self._core = Call(
            self._started, settings, policy, detectors.specs, detectors.calibrations, _entropy(call.call_id), known,
            reader=detectors.reader, check=detectors.check,
        )
        self._at_s = 0.0
        self._back_s = 0.0
        """When the newest stream began."""
        self._asked: dict[str, float] = {}
        self._code: str | None = None
        self._line: list[Point] = []
        self._decided: list[Decided] = []
        self._notes: list[Noted] = []
        self.net_s = 0.0

    def play(self, caller: Samples) -> Run:
        """Every frame and event at its time."""
        events = sorted(self._call.events, key=lambda event: event.at_s)
        payload = g711.encode_ulaw(caller)
        self._take(self._started)
        for start in range(0, len(payload), _FRAME):
            self._at_s = start / RATE_HZ
            while events and events[0].at_s <= self._at_s:
                self._do(events.pop(0))
            if start % RATE_HZ == 0:
                self._take(TimePassed())
            if self._at_s >= self._back_s:
                self._take(AudioReceived("caller", start, payload[start : start + _FRAME]))
        self._at_s = len(payload) / RATE_HZ
        for event in events:
            self._do(event)
        self._take(CallEnded("stopped"))
        return Run(
            policy=self._policy.sha256[:12], line=tuple(self._line), decided=tuple(self._decided),
            notes=tuple(self._notes),
        )

    def _do(self, event: Event) -> None:
        match event:
            case Intent():
                action_id = f"action-{len(self._asked) + 1}"
                self._asked[action_id] = self._at_s
                customer = None if self._call.customer_ref is None else CustomerFacts(self._call.customer_ref)
                self._take(ActionRequested(action_id, event.action, event.parameters, customer))
            case Transcript():
                self._take(TranscriptReceived(event.channel, event.text))
            case Dtmf():
                # Where no code was sent, there is nothing to key.
                for digit in (self._code or "") if event.digits == "<otp>" else event.digits:
                    self._take(DtmfReceived("caller", digit))
            case Drop():
                self._back_s = self._at_s + event.for_s
                self._take(self._started)

    def _take(self, event: CallInput) -> None:
        """One event in, and every request for a score answered until there are none."""
        waiting = self._core.receive(event, STARTED_AT + self._at_s)
        while waiting:
            outcome = waiting.pop(0)
            if isinstance(outcome, ScoreRequested):
                waiting += self._core.receive(self._scores.answer(outcome), STARTED_AT + self._at_s)
            else:
                self._keep(outcome)

    def _keep(self, outcome: Outcome) -> None:
        match outcome:
            case RiskChanged(risk):
                self.net_s = max(self.net_s, risk.net_speech_s)
                if risk.at_s > 0:
                    self._line.append(_point(risk))
            case ActionDecided():
                self.net_s = max(self.net_s, outcome.risk.net_speech_s)
                tier = self._policy.tier(outcome.action)
                self._decided.append(Decided(
                    action_id=outcome.action_id, action=outcome.action, tier=outcome.tier,
                    sensitive=tier is not None and tier.sensitive, asked_s=_round(self._asked[outcome.action_id]),
                    decision=outcome.decision, state=outcome.state, rule=outcome.rule,
                    reasons=tuple(reason.code for reason in outcome.reasons), risk=_point(outcome.risk),
                ))
            case CodeToDeliver():
                self._code = outcome.code
            case TextFlagged():
                self._notes.append(Noted(at_s=_round(outcome.at_s), kind="injection", detail=", ".join(outcome.rules)))
            case VoiceChanged():
                said = f"another voice since {outcome.since_s:.1f} s"
                self._notes.append(Noted(at_s=_round(outcome.at_s), kind="voice_changed", detail=said))
            case VoiceMatched():
                self._notes.append(Noted(at_s=_round(outcome.at_s), kind="voice_matched", detail=outcome.source))
            case _:
                pass


def _point(risk: Risk) -> Point:
    return Point(
        at_s=_round(risk.at_s), net_s=_round(risk.net_speech_s), score=risk.score, band=risk.band, state=risk.state,
        evidence={item.source: _round(item.contribution) for item in risk.evidence},
    )


def _entropy(call_id: str) -> Callable[[int], bytes]:
    """Bytes that nobody guesses from the ones before, and that are the same on every run."""
    count = 0

    def draw(size: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"voiceguard replay {count} {call_id}".encode()).digest(size)

    return draw


def _round(value: float) -> float:
    return round(float(value), _DIGITS)
