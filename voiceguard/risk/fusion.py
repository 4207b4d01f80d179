"""Fusion of calibrated log-likelihood ratios in log-odds, with a memory counted in net speech.

Each source keeps one running contribution c, in nats. A window of LLR l with d seconds of new net speech moves it to

    c <- max(-ln 2, c * k + worth * (1 - k) * l),    k = exp(-d / memory)

which is Page's CUSUM (Biometrika 41, 1954) with a leak, and does three things at once:

- windows that overlap, and windows of one voice on one line, err together: however long a voice speaks, its windows are
  worth at most `worth` independent ones;
- what was heard before a take-over fades as the new voice speaks, and cannot drown it;
- ruling out one kind of attack leaves the others: with two kinds equally likely beforehand, no source can take more
  than ln 2 off the log-odds.

A second opinion (`synthetic_voice_verify`) takes the place of what the running detector said of the same speech: its
windows go into a source of their own, which begins with what both had said before the first of them, and the running
detector's contribution starts again from zero. On further speech the running detector's evidence comes in as the second
opinion fades with the same k: the two together are one recursion, no second of speech counts twice, and none is lost.

What is known of voices from other calls comes in whole: each comparison covers all that was heard of the speaker, so
the latest takes the place of those before it, and it only ever adds. A voice like the customer's takes nothing off, for
copies are like the customer too; and not to be on a list of fraudsters is no merit. Where the voice changed within the
call, another voice than the customer's is no news: only what a voiceprint says beyond that counts.

What once spoke for a synthetic voice holds until windows speak against it, and each band is left below where it is
entered (`voiceguard.risk.hold`); what that adds is a source of its own, `held`.

Nothing fades while nobody speaks. The log-odds of fraud are the prior's plus all contributions.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from voiceguard.errors import ConfigurationError
from voiceguard.events import RATE_HZ, Band, Evidence, EvidenceSource, KnownSource, Risk, RiskState, Task, Window
from voiceguard.risk.hold import Hold, Schmitt

_ROUNDING = 1e-9

FLOOR = -math.log(2.0)
"""Least contribution of a source, nats."""
_SAID = 32
"""Windows of the synthetic-voice detectors that are remembered: more than a second opinion looks back."""
_TOLERANCE_S = 0.01


@dataclass(frozen=True)
class RiskOptions:
    """How evidence becomes risk. Prior and costs are those of ASVspoof 5, track 1: one call in twenty is spoofed, and
    letting one through costs ten times what stopping a genuine caller costs. So 0.64 nats make the risk high.

    Raises ConfigurationError for a value out of its range.
    """

    prior: float = 0.05
    """Share of fraud among callers who ask for sensitive things."""
    elevated: float | None = None
    """Posterior from which risk is elevated; not set: the prior, so all in all what was heard speaks for fraud."""
    high: float = 1.0 / 11.0
    """Posterior from which risk is high: handing a caller over costs 1, a fraud that gets through 10."""
    synthetic_memory_s: float = 6.0
    """Net speech after which evidence has faded to 1/e, seconds."""
    synthetic_worth: float = 2.0
    """Independent windows that one voice's windows are worth: training folds give 1.6 for two, 1.85 for six."""
    speaker_memory_s: float = 1.0
    """The same for the speaker: a comparison covers 6 s by itself, so little is kept of the one before."""
    speaker_worth: float = 1.0
    """Independent comparisons that all are worth: with one and the same reference they repeat each other."""
    listed_share: float = 0.1
    """Share of frauds by people whose voices are on a list; the other frauds sound like anybody."""
    enough_speech_s: float = 4.0
    """Net speech below which no number is honest, seconds."""
    margin: float = 0.25
    """How far below its threshold a band is left, nats: half of what is undecided."""
    undecided: float = 0.5
    """Contributions that add up to less than this, nats either way, are inconclusive."""

    def __post_init__(self) -> None:
        for name in ("prior", "high", "listed_share"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise ConfigurationError(f"risk.{name} must lie between 0 and 1")
        if self.elevated is not None and not 0.0 < self.elevated <= self.high:
            raise ConfigurationError("risk.elevated must lie above 0 and not above risk.high")
        for name in ("synthetic_memory_s", "synthetic_worth", "speaker_memory_s", "speaker_worth", "enough_speech_s"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ConfigurationError(f"risk.{name} must be above 0")
        if not 0.0 <= self.undecided < math.inf:
            raise ConfigurationError("risk.undecided must not be below 0")

    @property
    def elevated_from(self) -> float:
        """`elevated`, or the prior where it is not set."""
        return self.prior if self.elevated is None else self.elevated


@dataclass
class _Source:
    worth: float
    memory_s: float
    contribution: float = 0.0
    windows: int = 0
    heard_s: float | None = None
    """Net speech at the end of the last window."""

    def add(self, llr: float, window: Window) -> float:
        """Take a window in; returns the share of earlier evidence that is kept."""
        length_s = len(window.samples) / RATE_HZ
        covered_s = length_s if self.heard_s is None else min(window.end_net_s - self.heard_s, length_s)
        kept = math.exp(-covered_s / self.memory_s)
        self.contribution = max(FLOOR, self.contribution * kept + self.worth * (1.0 - kept) * llr)
        self.heard_s = window.end_net_s
        self.windows += 1
        return kept


@dataclass
class RiskModel:
    """Evidence of one call. Deterministic: the same evidence in the same order gives the same risk.

    `consent`: False when the call's voice must not be analysed.
    """

    options: RiskOptions = field(default_factory=RiskOptions)
    consent: bool = True
    earlier: float = 0.0
    """What an earlier stream of this call added to the log-odds, nats: the evidence never adds less than this."""

    def __post_init__(self) -> None:
        self._sources: dict[EvidenceSource, _Source] = {
            "synthetic_voice": _Source(self.options.synthetic_worth, self.options.synthetic_memory_s),
            "synthetic_voice_verify": _Source(self.options.synthetic_worth, self.options.synthetic_memory_s),
            "speaker_change": _Source(self.options.speaker_worth, self.options.speaker_memory_s),
            "voiceprint": _Source(1.0, math.inf),
            "watchlist": _Source(1.0, math.inf),
            "linked_voice": _Source(1.0, math.inf),
        }
        self._said: deque[tuple[float, float]] = deque(maxlen=_SAID)
        """Net speech, seconds, and what both synthetic-voice detectors together had said up to there, nats."""
        self._hold = Hold()
        options = self.options
        bands = options.elevated_from, options.high
        self._bands = Schmitt(
            tuple(_log_odds(share) - _log_odds(options.prior) + _ROUNDING for share in bands), options.margin
        )
        self._missing: set[Task] = set()
        self._paused_at_s = -math.inf
        """Net speech at which the media were last paused."""

    def add_synthetic(self, llr: float, window: Window) -> None:
        """`llr`: ln p(x | spoof) / p(x | bona fide) of one window."""
        self._missing.discard("synthetic_voice")
        first, second = self._sources["synthetic_voice"], self._sources["synthetic_voice_verify"]
        kept = first.add(llr, window)
        second.contribution *= kept
        total = first.contribution + second.contribution
        self._said.append((window.end_net_s, total))
        if window.end_net_s < self.options.enough_speech_s:
            self._hold = Hold(total)
        else:
            self._hold.add(first.worth * (1.0 - kept), llr, total)

    def add_verify(self, llr: float, window: Window) -> None:
        """`llr`: the second opinion on one window, in place of what the running detector said of the same speech."""
        self._missing.discard("synthetic_voice_verify")
        first, second = self._sources["synthetic_voice"], self._sources["synthetic_voice_verify"]
        begin_s = window.end_net_s - len(window.samples) / RATE_HZ
        before = (nats for end_s, nats in reversed(self._said) if end_s <= begin_s + _TOLERANCE_S)
        first.contribution, second.contribution = 0.0, next(before, 0.0)
        second.add(llr, window)
        self._said.append((window.end_net_s, second.contribution))
        self._hold = Hold(second.contribution)
        self._hold.second_opinion = max(0.0, second.contribution)

    def add_speaker(self, llr: float | None, window: Window) -> None:
        """`llr`: ln p(x | the voice changed) / p(x | same voice); None while there is nothing to compare with."""
        self._missing.discard("speaker_embedding")
        if llr is not None:
            self._sources["speaker_change"].add(llr, window)

    def add_known(self, source: KnownSource, llr: float) -> None:
        """What a voice from elsewhere says of the caller's, in place of what it said before.

        `llr`: ln p(x | another than the enrolled customer) / p(x | the customer) for `voiceprint`, and
        ln p(x | a voice of the list) / p(x | none of them) for the lists.
        """
        known = self._sources[source]
        if source != "voiceprint":
            # p(x | fraud) is a mixture: one of the list with this share, or somebody nobody knows.
            llr = math.log1p(self.options.listed_share * math.expm1(llr))
        known.contribution = max(0.0, llr)
        known.windows += 1

    def contribution(self, source: EvidenceSource) -> float:
        """What a source adds to the log-odds now, nats."""
        return self._contributions()[source]

    def _contributions(self) -> dict[EvidenceSource, float]:
        found = {name: source.contribution for name, source in self._sources.items()}
        found["voiceprint"] = max(0.0, found["voiceprint"] - max(0.0, found["speaker_change"]))
        # The second opinion that was asked for stays visible, as far as it is what holds.
        room = max(0.0, self._hold.held - found["synthetic_voice"] - found["synthetic_voice_verify"])
        faded = max(0.0, self._hold.second_opinion - max(0.0, found["synthetic_voice_verify"]))
        found["synthetic_voice_verify"] += min(room, faded)
        return found

    def add_missing(self, task: Task) -> None:
        """A window of this task has no score. The next score of the task makes its detector available again."""
        self._missing.add(task)

    def pause(self, net_speech_s: float) -> None:
        """The media are paused after this much net speech, seconds. What was heard before stays, but until as much is
        heard again as makes a number honest, it does not speak for whoever is on the line now."""
        self._paused_at_s = net_speech_s

    def risk(self, at_s: float, net_speech_s: float) -> Risk:
        """The risk now: `at_s` media time and `net_speech_s` net speech of the caller, seconds.

        A missing detector leaves no number, unless what the others heard makes the risk high all by itself.
        """
        evidence = tuple(
            Evidence(name, contribution / source.worth, source.worth, contribution, source.windows)
            for (name, source), contribution in zip(self._sources.items(), self._contributions().values(), strict=True)
            if source.windows
        )
        voice = sum(item.contribution for item in evidence if item.source.startswith("synthetic_voice"))
        held = max(0.0, self._hold.held - voice) if self._hold.held > 0.0 else 0.0
        shift = sum(item.contribution for item in evidence) + held
        if self.earlier > max(0.0, shift):
            rest = self.earlier - shift
            evidence, shift = (*evidence, Evidence("earlier_stream", rest, 1.0, rest, 1)), self.earlier
        state = self._state(net_speech_s, shift, bool(self._sources["synthetic_voice"].windows))
        if state in (RiskState.OK, RiskState.INCONCLUSIVE):
            raised = self._bands.feed(shift)
            held, shift = held + raised - shift, raised
        if held > 0.0:
            evidence = (*evidence, Evidence("held", held, 1.0, held, 1))
        posterior = posterior_of(self.options.prior, shift)
        band = self._band(posterior)
        silent = state in (RiskState.NO_CONSENT, RiskState.INSUFFICIENT_SPEECH)
        # Who withdraws consent is not analysed any more, but does not become less suspect by it.
        known_high = band is Band.HIGH and (
            state in (RiskState.DETECTOR_UNAVAILABLE, RiskState.NO_CONSENT)
            or (state is RiskState.INSUFFICIENT_SPEECH and self.earlier > 0.0)
        )
        if (silent or state is RiskState.DETECTOR_UNAVAILABLE) and not known_high:
            return Risk(at_s, net_speech_s, None, Band.UNKNOWN, state, evidence)
        return Risk(at_s, net_speech_s, round(100.0 * posterior), band, state, evidence)

    def _state(self, net_speech_s: float, shift: float, judged: bool) -> RiskState:
        if not self.consent:
            return RiskState.NO_CONSENT
        if self._missing:
            return RiskState.DETECTOR_UNAVAILABLE
        if net_speech_s < self.options.enough_speech_s or not judged:
            return RiskState.INSUFFICIENT_SPEECH
        unheard = net_speech_s - self._paused_at_s < self.options.enough_speech_s
        return RiskState.INCONCLUSIVE if unheard or abs(shift) < self.options.undecided else RiskState.OK

    def _band(self, posterior: float) -> Band:
        if posterior >= self.options.high:
            return Band.HIGH
        return Band.ELEVATED if posterior >= self.options.elevated_from else Band.LOW


def posterior_of(prior: float, shift: float) -> float:
    """The share of fraud after evidence of `shift` nats."""
    return 1.0 / (1.0 + math.exp(-(_log_odds(prior) + shift)))


def _log_odds(share: float) -> float:
    return math.log(share / (1.0 - share))
