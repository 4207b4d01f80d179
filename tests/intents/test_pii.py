"""Personal data in transcripts becomes marks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.intents.pii import mask


@pytest.mark.parametrize(("text", "masked"), [
    ("mail me at jane.doe+x@example.co.uk please", "mail me at [email] please"),
    ("it is jane at example dot com", "it is [email]"),
    ("my card is 4111 1111 1111 1111 thanks", "my card is [card] thanks"),
    ("my card is 4111-1111-1111-1112", "my card is [number]"),
    ("pay to DE89 3704 0044 0532 0130 00 now", "pay to [iban] now"),
    ("call +44 20 7946 0958 tonight", "call [phone] tonight"),
    ("call (212) 736-5000", "call [phone]"),
    ("born on 12/03/1984", "born on [date]"),
    ("born 3rd of march 1984", "born [date]"),
    ("the code is 493021", "the code is [number]"),
    ("four one five two six", "[number]"),
    ("double seven three nine one zero", "[number]"),
    ("I have two children and 3 cats", "I have two children and 3 cats"),
    ("at ten past five", "at ten past five"),
])
def test_each_kind_becomes_its_mark(text: str, masked: str):
    """What it was is said, what it said is gone."""
    assert masked == mask(text)


_SPEECH = st.lists(st.one_of(
    st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.from_regex(r"\+?[0-9]{1,12}", fullmatch=True),
    st.sampled_from(["one", "two", "twenty", "at", "dot", "@", ".", "-", "/", "may", "[", "]", "DE89", "x@y.com"]),
), max_size=20).map(" ".join)


@given(st.one_of(st.text(max_size=300), _SPEECH))
def test_masking_twice_is_masking_once(text: str):
    """Marks are never taken for personal data."""
    assert mask(mask(text)) == mask(text)


@given(st.integers(1000, 10**15), st.text(st.characters(categories=["Ll", "Zs"]), max_size=20))
def test_no_run_of_digits_survives(number: int, words: str):
    """Whatever the number is, and whatever is said around it."""
    assert str(number) not in mask(f"{words} {number} {words}")


def test_what_was_not_looked_at_is_not_shown():
    """Text past the limit is dropped."""
    assert "4111" not in mask("a" * 4000 + " 4111 1111 1111 1111")
