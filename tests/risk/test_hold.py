"""What was heard of a synthetic voice holds until something is heard against it, and bands do not swing."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.risk.test_fusion import heard, window
from voiceguard.events import Band
from voiceguard.risk import RiskModel
from voiceguard.risk.hold import Schmitt

LLRS = st.lists(st.floats(-4, 4), min_size=4, max_size=30)


def bands(llrs: list[float], model: RiskModel | None = None, begin_s: int = 2) -> list[Band]:
    """The band after each window of one voice, from enough speech on."""
    model = model or RiskModel()
    found = []
    for at_s, llr in enumerate(llrs, begin_s):
        model.add_synthetic(llr, window(float(at_s), min(4.0, float(at_s))))
        found.append(model.risk(float(at_s), float(at_s)).band)
    return found


@given(LLRS, st.lists(st.floats(0, 0.3), min_size=1, max_size=60))
def test_windows_that_say_nothing_never_lower_the_risk(llrs: list[float], nothing: list[float]) -> None:
    """However many pass: fading is no evidence for the caller."""
    model = heard(llrs)
    end_s = float(len(llrs) + 1)
    before = model.risk(end_s, end_s)
    assume(before.score is not None and any(item.source == "synthetic_voice" for item in before.evidence))
    after = bands(nothing, model, len(llrs) + 2)
    now = model.risk(end_s + len(nothing), end_s + len(nothing))

    order = [Band.LOW, Band.ELEVATED, Band.HIGH]
    assert all(order.index(band) >= order.index(before.band) for band in after)
    assert (now.score or 0) >= min(before.score or 0, 5) or before.band is Band.LOW


@given(LLRS)
def test_the_evidence_adds_up_to_the_score(llrs: list[float]) -> None:
    """What holds is a source of its own, so that the score explains itself."""
    model = heard(llrs)
    risk = model.risk(float(len(llrs) + 1), float(len(llrs) + 1))
    shift = sum(item.contribution for item in risk.evidence)

    odds = 0.05 / 0.95 * 2.718281828459045**shift
    assert risk.score is not None
    assert abs(risk.score - 100 * odds / (1 + odds)) <= 0.5 + 1e-6


def test_evidence_against_takes_down_what_holds() -> None:
    """A voice that was high for a moment and speaks like a person from then on is low again."""
    model = heard([3.0, 3.0, 3.0])
    assert model.risk(4.0, 4.0).band is Band.HIGH

    assert bands([-2.0] * 8, model, 5)[-1] is Band.LOW


def test_alternating_windows_do_not_swing_the_band() -> None:
    """Around the threshold a voice stays where it came."""
    found = bands([2.0] * 4 + [0.4, 0.9] * 12)[2:]

    assert {Band.HIGH} == set(found)


def test_second_opinion_stays_visible_after_it_decided() -> None:
    """While the same voice goes on without evidence against it."""
    model = heard([0.2] * 6)
    model.add_verify(2.0, window(7.0, 4.0, "synthetic_voice_verify"))
    decided = {item.source: item.contribution for item in model.risk(7.0, 7.0).evidence}
    for at_s in range(8, 40):
        model.add_synthetic(0.0, window(float(at_s), 4.0))
    now = model.risk(39.0, 39.0)

    assert decided["synthetic_voice_verify"] > 0.64
    evidence = {item.source: item.contribution for item in now.evidence}
    assert abs(evidence["synthetic_voice_verify"] - decided["synthetic_voice_verify"]) < 1e-9
    assert now.band is Band.HIGH


def test_second_opinion_for_a_person_ends_what_holds() -> None:
    """It hears better than what it takes the place of."""
    model = heard([3.0] * 6)
    model.add_verify(-2.0, window(7.0, 4.0, "synthetic_voice_verify"))

    risk = model.risk(7.0, 7.0)
    assert risk.band is Band.LOW or "held" in {item.source for item in risk.evidence}
    model.add_synthetic(-1.0, window(8.0, 4.0))
    assert model.risk(8.0, 8.0).score is not None


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=50))
def test_schmitt_changes_by_no_less_than_its_margin(values: list[float]) -> None:
    """Between entering a band and leaving it lies the margin."""
    trigger, entered = Schmitt((0.0, 0.6), 0.25), False
    for value in values:
        raised = trigger.feed(value)
        assert raised >= value
        if entered and raised < 0.6:
            assert value <= 0.35 + 1e-9
        if not entered and raised >= 0.6:
            assert value >= 0.6
        entered = raised >= 0.6
