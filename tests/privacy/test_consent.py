"""What is in force of a ledger."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voiceguard.privacy.consent import PURPOSES, Agreement, Consent, Standing, standing


def test_newest_entry_of_a_purpose_counts() -> None:
    """Given, withdrawn, given again."""
    first = Consent("a", "voice_analysis", 1.0, withdrawn_at=2.0)

    assert Standing({}, {"voice_analysis": 2.0}) == standing([first], "call-1", 3.0)
    assert {"voice_analysis": "b"} == standing([Consent("b", "voice_analysis", 3.0), first], "call-1", 4.0).given


def test_expired_consent_is_not_in_force_and_not_withdrawn() -> None:
    """It ends at its time, and another basis may still serve the purpose."""
    held = Consent("a", "voice_analysis", 1.0, expires_at=10.0)

    assert 10.0 == standing([held], None, 9.0).ends_at
    assert Standing() == standing([held], None, 10.0)


def test_consent_of_a_call_holds_on_that_call_alone() -> None:
    """But that to be enrolled holds for the customer."""
    entries = [Consent("a", "voice_analysis", 1.0, call_id="call-1"), Consent("b", "enrol", 1.0, call_id="call-1")]

    assert {"enrol": "b"} == standing(entries, "call-2", 2.0).given
    assert {"voice_analysis", "enrol"} == set(standing(entries, "call-1", 2.0).given)


def test_withdrawn_purpose_is_served_on_no_basis() -> None:
    """An objection stops what needs no consent, too."""
    objected = Standing({}, {"voice_analysis": 1.0})

    assert not objected.allows("caller_audio", required=False)
    assert Standing().allows("caller_audio", required=False)
    assert not Standing().allows("caller_audio", required=True)


def test_agreement_of_a_call_follows_what_is_required() -> None:
    """Without a demand for consent everything is served until it is withdrawn."""
    free, strict = Agreement(frozenset(), False, False), Agreement(frozenset({"transcript"}), True, True)

    assert (True, True) == (free.analyses, free.reads)
    assert (False, True) == (strict.analyses, strict.reads)


@given(st.lists(st.builds(
    Consent, st.uuids().map(str), st.sampled_from(PURPOSES), st.floats(0, 100),
    st.none() | st.floats(0, 200), st.none() | st.floats(0, 200), st.none() | st.sampled_from(["call-1", "call-2"]),
)), st.floats(0, 200))
def test_no_purpose_is_both_given_and_withdrawn(entries: list[Consent], now: float) -> None:
    """Whatever the ledger holds."""
    found = standing(entries, "call-1", now)

    assert not found.given.keys() & found.withdrawn.keys()
    assert found.ends_at is None or found.ends_at > now
