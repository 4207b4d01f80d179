"""Voices from elsewhere in a call: the customer's own, fraudsters', other customers', and one that is to be kept."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.call_bench import CALIBRATIONS, POLICY, ROOT, SPECS, Bench, spoofed
from voiceguard.call import Call
from voiceguard.errors import ConfigurationError
from voiceguard.events import (
    Band,
    CallStarted,
    Evidence,
    KnownVoices,
    Neighbour,
    Risk,
    RiskState,
    ScoreRequested,
    Voice,
    VoiceAsked,
    VoiceChanged,
    VoiceMatched,
    VoiceTaken,
    Window,
    as_record,
)
from voiceguard.policy.check import lint
from voiceguard.policy.rules import context, explain, load
from voiceguard.settings import Settings

CALLERS, OTHERS = (Voice(vector, 20.0, 12) for vector in np.eye(192, dtype=np.float32)[:2])


class Listed:
    """A list of that many voices, of which one is the caller's, or none."""

    def __init__(self, size: int, cosine: float) -> None:
        self._size, self._cosine = size, cosine

    def __len__(self) -> int:
        return self._size

    def nearest(self, embedding: np.ndarray) -> Sequence[Neighbour]:
        first = self._cosine if embedding[0] > 0.9 else 0.0
        return [Neighbour("entry-1", first, 9.0), Neighbour("entry-2", -0.5, 9.0)][: self._size]


class Known(Bench):
    """A call whose voice is compared with others."""

    def __init__(self, known: KnownVoices, *, purposes: Sequence[str] = (), **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        counter = itertools.count(1)
        started = CallStarted(
            "call-1", "pcmu", 8000, ("caller", "agent"), "customer-1", frozenset({"voice_analysis", *purposes})
        )
        self.call = Call(
            started, Settings(), POLICY, SPECS, CALIBRATIONS,
            lambda size: (next(counter) * 7919).to_bytes(size, "big"), known,
        )
        self.log.clear()
        self.put(started)

    def evidence(self, source: str) -> Evidence | None:
        return next((item for item in self.risk.evidence if item.source == source), None)

    def take(self, purpose: str = "enrol") -> VoiceTaken:
        self.put(VoiceAsked(purpose, "ann"))  # type: ignore[arg-type]
        (taken,) = self.of(VoiceTaken)
        assert isinstance(taken, VoiceTaken)
        return taken


def test_a_voice_like_the_customers_takes_no_risk_away() -> None:
    """A copy would be as like: the same call without a voiceprint has the same risk."""
    alike, alone = Known(KnownVoices(CALLERS)), Known(KnownVoices())
    for bench in (alike, alone):
        bench.hear(20)
    found = alike.evidence("voiceprint")

    assert found is not None
    assert 0.0 == found.contribution
    assert alone.risk.score == alike.risk.score


def test_another_voice_than_the_customers_is_a_risk() -> None:
    """At once: no voice has to change within the call."""
    bench = Known(KnownVoices(OTHERS))
    bench.hear(20)
    found = bench.evidence("voiceprint")

    assert found is not None
    assert found.contribution > 0.0
    assert bench.risk.band is Band.HIGH


def test_a_customer_may_be_named_later() -> None:
    """What is said from then on is compared with their voice."""
    bench = Known(KnownVoices())
    bench.hear(10)
    assert bench.evidence("voiceprint") is None
    bench.put(KnownVoices(OTHERS))
    bench.hear(20)
    found = bench.evidence("voiceprint")

    assert found is not None
    assert found.contribution > 0.0


def test_one_change_of_voice_is_not_counted_twice() -> None:
    """Who takes over is unlike the voice before and unlike the customer, and that is one thing."""
    bench = Known(KnownVoices(CALLERS), other_voice_from_s=8.0)
    bench.hear(40)
    change, print_ = bench.evidence("speaker_change"), bench.evidence("voiceprint")

    assert change is not None and print_ is not None
    assert change.contribution > 2.0
    assert change.contribution + print_.contribution == pytest.approx(max(change.contribution, 4.0), abs=0.01)


def test_a_change_of_voice_is_told_once_with_its_time() -> None:
    """The other voice is heard after 8 s of net speech; the time told lies within two hops of it."""
    bench = Known(KnownVoices(), other_voice_from_s=8.0)
    bench.hear(40)
    (changed,) = bench.of(VoiceChanged)
    windows = {window.end_s: window.end_net_s for window in _windows(bench)}

    assert 6.0 <= windows[changed.since_s] <= 9.5
    assert changed.llr > 0.5
    assert changed.at_s > changed.since_s


def test_no_change_is_told_of_one_voice() -> None:
    """Forty seconds of it."""
    bench = Known(KnownVoices())
    bench.hear(40)

    assert not bench.of(VoiceChanged)


def test_a_voice_of_the_watch_list_is_told_once_and_hands_over() -> None:
    """The entry is named for the people who decide, and the risk goes high."""
    bench = Known(KnownVoices(watchlist=Listed(1, 0.95)))
    bench.hear(20)
    bench.ask()
    (match,) = bench.of(VoiceMatched)

    assert ("watchlist", "entry-1") == (match.source, match.entry_id)
    assert match.llr > 0.0
    assert [("account_recovery", "handover")] == bench.decisions


def test_a_longer_list_has_to_be_surer() -> None:
    """The same cosine convinces in a list of five and not in one of a thousand."""
    for size, found in ((5, True), (1000, False)):
        bench = Known(KnownVoices(watchlist=Listed(size, 0.75)))
        bench.hear(20)
        assert found == bool(bench.of(VoiceMatched))


@pytest.mark.parametrize("size", [0, 3])
def test_not_to_be_on_the_list_is_no_merit(size: int) -> None:
    """Nor is it that there is no list."""
    bench, alone = Known(KnownVoices(watchlist=Listed(size, 0.0))), Known(KnownVoices())
    for call in (bench, alone):
        call.hear(20)

    assert alone.risk.score == bench.risk.score


def test_the_same_voice_on_another_customer_is_a_risk() -> None:
    """A source of its own."""
    bench = Known(KnownVoices(others=Listed(4, 0.95)))
    bench.hear(20)
    found = bench.evidence("linked_voice")

    assert found is not None
    assert found.contribution > 0.0
    assert ["linked_voice"] == [match.source for match in bench.of(VoiceMatched)]


def test_a_consented_voice_may_be_kept() -> None:
    """All speech of it counts; what is handed out is the voice, and no record takes it."""
    bench = Known(KnownVoices(), purposes=["enrol"])
    bench.hear(40)
    taken = bench.take()

    assert not taken.refusals
    assert taken.voice is not None
    assert taken.voice.embedding == pytest.approx(CALLERS.embedding)
    assert taken.voice.net_speech_s > 12.0
    with pytest.raises(TypeError, match="never recorded"):
        as_record(taken)


def test_the_second_detector_hears_what_will_be_kept() -> None:
    """It says synthetic, so nothing is kept."""
    bench = Known(KnownVoices(), purposes=["enrol"], closer=spoofed)
    bench.hear(40)
    taken = bench.take()

    assert taken.voice is None
    assert "synthetic_voice" in [reason.code for reason in taken.refusals]


def test_what_is_refused_is_not_handed_out() -> None:
    """Without consent, after a take-over, from the watch list: each says why."""
    for bench, code in (
        (Known(KnownVoices()), "no_consent"),
        (Known(KnownVoices(), purposes=["enrol"], other_voice_from_s=8.0), "voice_changed"),
        (Known(KnownVoices(watchlist=Listed(5, 0.95)), purposes=["enrol"]), "watchlist"),
    ):
        bench.hear(40)
        taken = bench.take()
        assert taken.voice is None
        assert code in [reason.code for reason in taken.refusals]


def test_the_watch_list_gets_who_speaks_now() -> None:
    """After a take-over that is the second voice, and no consent is asked for."""
    bench = Known(KnownVoices(), other_voice_from_s=8.0)
    bench.hear(40)
    taken = bench.take("watchlist")

    assert taken.voice is not None
    assert taken.voice.embedding == pytest.approx(OTHERS.embedding)


def test_next_to_nothing_is_no_entry() -> None:
    """Three seconds of a call hold too little speech."""
    bench = Known(KnownVoices())
    bench.hear(3)

    assert ["insufficient_speech"] == [reason.code for reason in bench.take("watchlist").refusals]


# ── the policy ───────────────────────────────────────────────────────────────────────────────────────────────────────

SENSITIVE = [name for name, tier in POLICY.actions.items() if POLICY.tiers[tier].sensitive]
TEXT = (ROOT / "policies" / "default.yaml").read_text(encoding="utf-8")
_CREDULOUS = """      - name: known_voice
        when: "{when}"
        decision: allow
        reason: {{code: known_voice, text: The voice is the customer's.}}
"""


def voice_says(llr: float) -> Risk:
    """As sure as can be that this is the customer, and nothing else heard."""
    evidence = tuple(
        Evidence(source, llr, 1.0, llr, 99) for source in ("voiceprint", "speaker_change", "watchlist", "linked_voice")
    )
    return Risk(60.0, 50.0, 0, Band.LOW, RiskState.OK, evidence)


@pytest.mark.parametrize("when", [
    "true", "'voiceprint' in risk.evidence && risk.evidence['voiceprint'] <= 0.0", "risk.band == 'low'",
])
@pytest.mark.parametrize("action", SENSITIVE)
@given(llr=st.floats(-50.0, 0.0))
def test_no_policy_can_allow_on_a_voice_match_alone(action: str, when: str, llr: float) -> None:
    """Even a file whose every tier begins with a rule that trusts the voice: without a code or a person its allowance
    is a fault, a person decides, and the lint calls it an error."""
    rules = "    rules:\n"
    credulous = TEXT.replace(rules, rules + _CREDULOUS.format(when=when)).replace(
        "    rules: &code_or_person\n", "    rules: &code_or_person\n" + _CREDULOUS.format(when=when)
    )
    policy = load(credulous)
    seen = context(
        voice_says(llr), assurance=(), consent=True, customer_known=True, locked=False, injection=False, action=action,
        tier=policy.actions[action], parameters={},
    )

    assert explain(policy, action, seen).ruling.decision != "allow"


def test_the_lint_names_a_rule_that_trusts_the_voice() -> None:
    """As an error, so that the policy is not enforced by mistake."""
    when = "'voiceprint' in risk.evidence"
    credulous = TEXT.replace(
        "    rules: &code_or_person\n", "    rules: &code_or_person\n" + _CREDULOUS.format(when=when)
    )

    assert any(finding.level == "error" and "known_voice" in finding.place for finding in lint(load(credulous)))


def test_a_voice_is_no_assurance_that_a_tier_can_name() -> None:
    """The file is refused."""
    with pytest.raises(ConfigurationError, match="assurance"):
        load(TEXT.replace("assurance: [[otp], [human]]", "assurance: [[otp], [voiceprint]]", 1))


def _windows(bench: Known) -> list[Window]:
    return [request.window for request in bench.of(ScoreRequested)]
