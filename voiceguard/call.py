"""The whole way of one call, in reading order: wire events in, outcomes out.

    AudioReceived -> samples -> net speech -> windows -> ScoreRequested
    ScoreReceived -> evidence -> risk -> decision

`Call` is synchronous and touches no socket, clock, model or database; the live server, replay and the tests drive it
alike. Scores are asked for and come back as events, in whatever order: they are applied in the order of their windows,
and whoever asks for a decision waits for the windows that were cut before. So the same events at the same places of the
media give the same decisions, however fast they come.

Only the caller is analysed: the agent's audio tells which of the caller's frames are its echo, and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from voiceguard.codecs import StreamDecoder
from voiceguard.detectors import Calibrations, speaker, synthetic
from voiceguard.errors import ModelError, PeerError
from voiceguard.events import (
    RATE_HZ,
    ActionOverruled,
    ActionRequested,
    AudioReceived,
    CallEnded,
    CallInput,
    CallStarted,
    CodeEntered,
    CodeToDeliver,
    ConsentChanged,
    DtmfReceived,
    EarlierStream,
    HandoverAnswered,
    KnownVoices,
    ListSource,
    MarkReceived,
    MediaDropped,
    MediaGap,
    MediaNoted,
    MediaPaused,
    MediaResumed,
    Outcome,
    Risk,
    RiskChanged,
    Samples,
    ScoreMissing,
    ScoreReceived,
    ScoreRequested,
    TimePassed,
    TranscriptReceived,
    Voice,
    VoiceAsked,
    VoiceChanged,
    VoiceList,
    VoiceMatched,
    Window,
)
from voiceguard.policy.engine import ActionEngine
from voiceguard.policy.rules import Policy
from voiceguard.privacy.consent import Agreement
from voiceguard.risk import RiskModel, SpeakerChange, hand_over
from voiceguard.settings import Settings
from voiceguard.speech import SpeechCheck, SpeechTrack, WindowSpec
from voiceguard.text.heard import Words
from voiceguard.text.reader import Reader

Score = ScoreReceived | ScoreMissing
Question = ActionRequested | CodeEntered | HandoverAnswered | DtmfReceived | VoiceAsked | TimePassed
"""What a decision may hang on, and so waits for the windows before it."""
_NOTEWORTHY = 0.5
"""Evidence of a change of voice that is told apart from the risk, nats."""


class Call:
    """One call. `receive` takes every event of it, from `CallStarted` to `CallEnded`.

    A further `CallStarted` is the same call on another stream, after a break of any length: evidence, voices, wrong
    codes and open questions go on.

    `entropy(n)` gives n unpredictable bytes, for one-time codes and grants. `known`: voices from elsewhere that the
    caller's is compared with. `shadow`: a draft policy, asked beside the one in force. `earlier`: what is on record of
    this call from before the process started.
    `reader`: classifiers beside the rules on words. `check`: what net speech must pass. The agent's audio is laid
    beside the caller's to tell its echo, and is neither scored nor kept.
    """

    def __init__(
        self, started: CallStarted, settings: Settings, policy: Policy, specs: Sequence[WindowSpec],
        calibrations: Calibrations, entropy: Callable[[int], bytes], known: KnownVoices | None = None,
        shadow: Policy | None = None, earlier: EarlierStream | None = None, reader: Reader | None = None,
        check: SpeechCheck | None = None,
    ) -> None:
        self._streams = 0
        self._agreed = Agreement(started.consent, settings.require_consent, settings.require_transcript_consent)
        self._words = Words(reader or Reader())
        self._known = known or KnownVoices()
        self._told: set[object] = set()
        """Changes and matches of the voice that were told, so that each is told once."""
        self._enrolment = settings.enrolment
        self._wire_rate_hz = started.rate_hz
        self._decoder = StreamDecoder(started.encoding, started.rate_hz)
        self._agent_decoder = StreamDecoder(started.encoding, started.rate_hz)
        self._track = SpeechTrack(settings.speech, specs, check)
        self._calibrations = calibrations
        self._risk_model = RiskModel(settings.risk, self._agreed.analyses, earlier.log_odds_delta if earlier else 0.0)
        self._unlike = partial(speaker.unlike, calibration=calibrations.speaker)
        self._speaker_change = SpeakerChange(self._unlike)
        self._policy = policy
        self._engine = ActionEngine(
            policy, call_id=started.call_id, entropy=entropy, shadow=shadow,
            wrong_codes=earlier.wrong_codes if earlier else 0, second_approver=settings.desk.second_approver,
        )
        self._paused = False
        self._windows: deque[tuple[int, Window]] = deque()
        """Windows whose evidence is not in yet, oldest first."""
        self._scores: dict[int, Score] = {}
        """Scores that came before those of earlier windows."""
        self._held: deque[tuple[int, float, float, float, Question]] = deque()
        """Questions with the window they wait for, and media time, net speech and time at which they were put."""
        self._last_window = 0
        self._risk = self._risk_model.risk(0.0, 0.0)

    def receive(self, event: CallInput, now: float) -> list[Outcome]:
        """What follows from one event; `now` is Unix seconds. Raises PeerError for audio its encoding cannot hold."""
        return [*self._words.screen(event, self._track.at_s), *self._take_event(event, now)]

    def _take_event(self, event: CallInput, now: float) -> list[Outcome]:
        match event:
            case CallStarted():
                return [self._take_stream(event)]
            case AudioReceived(channel, payload=payload):
                return self._hear(payload) if channel == "caller" else self._hear_agent(payload)
            case MediaGap() | MediaDropped():
                return [self._miss(event)]
            case MediaPaused() | MediaResumed():
                return [self._pause(event)]
            case TranscriptReceived():
                return self._read(event)
            case ScoreReceived() | ScoreMissing():
                self._scores[event.window_id] = event
                return self._weigh(now)
            case ActionRequested() | CodeEntered() | HandoverAnswered() | DtmfReceived("caller") | VoiceAsked():
                return self._ask(event, now)
            case KnownVoices():
                self._known = event
                return []
            case ConsentChanged():
                return self._agree(event, now)
            case TimePassed():
                keyed = self._ask(event, now) if self._engine.has_keys_due(now) else []
                return [*keyed, *self._engine.tick(self._risk, now=now)]
            case ActionOverruled() | CallEnded():
                return self._overrule(event, now) if isinstance(event, ActionOverruled) else self._end(now)
            case DtmfReceived() | MarkReceived():
                return []

    @property
    def speech(self) -> Sequence[tuple[float, float]]:
        """Stretches in which the caller spoke, media time in seconds; the last one may grow."""
        return self._track.segments

    @property
    def heard_s(self) -> float:
        """Media time of the caller's audio that was heard or passed over, seconds."""
        return self._track.at_s

    @property
    def risk(self) -> Risk:
        """The risk after the newest window whose evidence is in."""
        return self._risk

    def heard_lately(self) -> Samples:
        """The caller's last seconds of net speech, (n,), from the memory in which they wait for a second opinion."""
        return self._track.heard_lately()

    def _take_stream(self, started: CallStarted) -> RiskChanged:
        """Hear the call on a new stream; on a second one, as after a pause whose length nobody knows."""
        self._streams += 1
        if self._streams > 1:
            agreed = self._agreed
            self._agree(ConsentChanged(agreed.given | started.consent, agreed.withdrawn - started.consent), 0.0)
            self._wire_rate_hz = started.rate_hz
            self._decoder = StreamDecoder(started.encoding, started.rate_hz)
            self._agent_decoder = StreamDecoder(started.encoding, started.rate_hz)
            self._paused = False
            self._track.skip(0)
            self._risk_model.pause(self._track.net_s)
            self._risk = self._risk_model.risk(self._track.at_s, self._track.net_s)
        return RiskChanged(self._risk)

    def _agree(self, changed: ConsentChanged, now: float) -> list[Outcome]:
        """Serve the purposes that are in force. What is served no more is forgotten: speech and voices in memory,
        windows on their way, words of open turns. What was found out before stays in the risk, as it is on record."""
        heard = self._agreed.analyses
        self._agreed.given, self._agreed.withdrawn = changed.given, changed.withdrawn
        self._risk_model.consent = analyses = self._agreed.analyses
        for purpose, voices in (("enrol", "voiceprint"), ("link", "others")):
            if purpose in changed.withdrawn:
                self._known = replace(self._known, **{voices: None})
        if not self._agreed.reads:
            self._words.forget()
        if heard and not analyses:
            self._track.forget()
            self._speaker_change = SpeakerChange(self._unlike)
            self._windows.clear()
            self._scores.clear()
        if heard == analyses:
            return []
        self._risk = self._risk_model.risk(self._track.at_s, self._track.net_s)
        moved = self._engine.risk_changed(self._risk, consent=analyses, injection=self._words.injection, now=now)
        return [RiskChanged(self._risk), *moved, *self._answer_held(now)]

    # ── audio → windows ──────────────────────────────────────────────────────────────────────────────────────────────

    def _hear(self, payload: bytes) -> list[Outcome]:
        samples = self._decoder.feed(payload)
        if self._paused or not self._agreed.analyses:
            self._track.skip(len(samples))
            return []
        return self._request(self._track.feed(samples))

    def _hear_agent(self, payload: bytes) -> list[Outcome]:
        try:
            samples = self._agent_decoder.feed(payload)
        except PeerError:  # a reference that cannot be read is none; the caller is heard all the same
            return []
        if self._paused or not self._agreed.analyses:
            self._track.skip_agent(len(samples))
        else:
            self._track.hear_agent(samples)
        return []

    def _miss(self, gap: MediaGap | MediaDropped) -> MediaNoted:
        if isinstance(gap, MediaDropped):
            return self._noted(gap.channel, gap.reason, gap.samples)
        skip = self._track.skip if gap.channel == "caller" else self._track.skip_agent
        skip(gap.samples * RATE_HZ // self._wire_rate_hz)
        return self._noted(gap.channel, "gap", gap.samples)

    def _pause(self, event: MediaPaused | MediaResumed) -> MediaNoted:
        if isinstance(event, MediaPaused):
            self._paused = True
            self._risk_model.pause(self._track.net_s)
            return self._noted(None, "paused", 0)
        self._paused = False
        for skip in (self._track.skip, self._track.skip_agent):
            skip(event.passed_samples * RATE_HZ // self._wire_rate_hz)
        return self._noted(None, "resumed", event.passed_samples)

    def _verify(self, event: CallInput) -> list[Outcome]:
        """Ask for the second opinion on what was heard, where an action is asked for whose tier demands one, or a
        voice that will be kept."""
        tier = self._policy.tier(event.action) if isinstance(event, ActionRequested) else None
        demanded = isinstance(event, VoiceAsked) or (tier is not None and tier.verify)
        return self._request(self._track.demand()) if demanded else []

    def _request(self, windows: Sequence[Window]) -> list[Outcome]:
        requests: list[Outcome] = []
        for window in windows:
            self._last_window += 1
            self._windows.append((self._last_window, window))
            requests.append(ScoreRequested(self._last_window, window))
        return requests

    # ── scores → risk ────────────────────────────────────────────────────────────────────────────────────────────────

    def _weigh(self, now: float) -> list[Outcome]:
        """Evidence of every window whose turn has come, and what hung on it."""
        outcomes: list[Outcome] = []
        while self._windows and self._windows[0][0] in self._scores:
            window_id, window = self._windows.popleft()
            outcomes += self._take(self._scores.pop(window_id), window)
            # A second opinion is on speech that was heard before: the clocks of the risk never go back.
            self._risk = self._risk_model.risk(
                max(window.end_s, self._risk.at_s), max(window.end_net_s, self._risk.net_speech_s)
            )
            outcomes.append(RiskChanged(self._risk))
            outcomes += self._engine.risk_changed(
                self._risk, consent=self._agreed.analyses, injection=self._words.injection, now=now
            )
            outcomes += self._answer_held(now)
        return outcomes

    def _take(self, score: Score, window: Window) -> list[Outcome]:
        if isinstance(score, ScoreMissing):
            self._risk_model.add_missing(window.task)
            return []
        try:
            if window.task == "synthetic_voice":
                llr = synthetic.llr(score.output, self._calibrations.synthetic)
                self._risk_model.add_synthetic(float(llr[0]), window)
            elif window.task == "synthetic_voice_verify":
                if self._calibrations.verify is None:
                    raise ModelError("the second detector has no calibration")
                llr = synthetic.llr(score.output, self._calibrations.verify)
                self._risk_model.add_verify(float(llr[0]), window)
            else:
                embedding = speaker.normalise(score.output)
                self._risk_model.add_speaker(self._speaker_change.feed(embedding, window), window)
                return self._recognise(window)
        except (ModelError, ValueError):
            self._risk_model.add_missing(window.task)
        return []

    # ── voices ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _recognise(self, window: Window) -> list[Outcome]:
        """What the voice that speaks now says beside itself, and beside voices from elsewhere."""
        outcomes: list[Outcome] = []
        since_s, changed = self._speaker_change.same_until_s, self._risk_model.contribution("speaker_change")
        if changed > _NOTEWORTHY and since_s not in self._told:
            self._told.add(since_s)
            outcomes.append(VoiceChanged(window.end_s, since_s, changed))
        voice, enrolled = self._speaker_change.now, self._known.voiceprint
        if voice is None:
            return outcomes
        if enrolled is not None:
            sides = enrolled.embedding, voice.embedding, enrolled.net_speech_s, voice.net_speech_s
            self._risk_model.add_known("voiceprint", self._unlike(*sides))
        lists: dict[ListSource, VoiceList | None] = {
            "watchlist": self._known.watchlist, "linked_voice": self._known.others,
        }
        for source, voices in lists.items():
            if voices:
                outcomes += self._look_up(source, voices, voice, window)
        return outcomes

    def _look_up(self, source: ListSource, voices: VoiceList, voice: Voice, window: Window) -> list[Outcome]:
        found = speaker.nearest_listed(voices, voice, self._calibrations.speaker)
        if found is None:
            return []
        llr, best = found
        self._risk_model.add_known(source, llr)
        if llr <= 0.0 or (source, best) in self._told:
            return []
        self._told.add((source, best))
        return [VoiceMatched(source, best, window.end_s, llr)]

    # ── risk → decisions ─────────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, question: Question, now: float) -> list[Outcome]:
        """Answer a question when the windows that were cut before are scored."""
        requests = self._verify(question)
        self._held.append((self._last_window, self._track.at_s, self._track.net_s, now, question))
        return [*requests, *self._answer_held(now)]

    def _answer_held(self, now: float) -> list[Outcome]:
        """Every question for which no window is awaited any more."""
        outcomes: list[Outcome] = []
        while self._held and (not self._windows or self._held[0][0] < self._windows[0][0]):
            _, at_s, net_s, put_at, question = self._held.popleft()
            keyed = isinstance(question, DtmfReceived | TimePassed)
            outcomes += self._answer(question, self._risk_model.risk(at_s, net_s), put_at if keyed else now)
        return outcomes

    def _answer(self, question: Question, risk: Risk, now: float) -> Sequence[Outcome]:
        agreed, injection = self._agreed, self._words.injection
        if isinstance(question, VoiceAsked):
            enrols = "enrol" in agreed.given
            return [hand_over(question, self._speaker_change, risk, consent=enrols, options=self._enrolment)]
        return self._engine.answer(question, risk, consent=agreed.analyses, injection=injection, now=now)

    def _overrule(self, event: ActionOverruled, now: float) -> list[Outcome]:
        """What was asked about the action and is not answered yet is void."""
        gone = event.asked.action_id
        self._held = deque(held for held in self._held if getattr(held[4], "action_id", None) != gone)
        return list(self._engine.overrule(event, self._risk, now=now))

    def _end(self, now: float) -> list[Outcome]:
        """Windows nobody will answer count as missing, open questions are decided so, and open challenges lapse."""
        for window_id, window in self._windows:
            self._scores.setdefault(window_id, ScoreMissing(window_id, window.task, "deadline"))
        outcomes = self._weigh(now)
        outcomes += self._engine.end(self._risk_model.risk(self._track.at_s, self._track.net_s), now=now)
        return [outcome for outcome in outcomes if not isinstance(outcome, CodeToDeliver)]

    # ── text ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, heard: TranscriptReceived) -> list[Outcome]:
        return self._words.read(heard, self._track.at_s) if self._agreed.reads else []

    def _noted(self, channel: str | None, kind: str, samples: int) -> MediaNoted:
        return MediaNoted(channel, kind, self._track.at_s, 1000.0 * samples / self._wire_rate_hz)  # type: ignore[arg-type]
