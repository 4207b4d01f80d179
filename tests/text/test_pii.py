"""Personal data in transcripts becomes marks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.text.pii import MAX_CHARS, mask


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
    ("it is jane dot doe at example dot com", "it is [email]"),
    ("pay to GB82 WEST 1234 5698 7654 33 now", "pay to GB82 WEST [number] now"),
    ("the card is 4111  1111\n1111 \u2013 1111", "the card is [card]"),
    ("4111\u200b1111\u200b1111\u200b1111", "[card]"),
    ("\uff14\uff11\uff11\uff11 \u2460\u2461\u2462\u2463", "[number]"),
    ("\u0664\u0661\u0661\u0661", "[number]"),
    ("account4111111111111111xyz", "account[card]xyz"),
    ("the sort code is 12-34-56", "the sort code is [number]"),
    ("born on the third of march nineteen eighty four", "born on the [date]"),
    ("march the twenty first two thousand and one", "[date]"),
    ("born 1984-03-12", "born [date]"),
    ("the reference is K7XM2P", "the reference is [code]"),
    ("passport C01X00T47", "passport [code]"),
    ("1984-(1may third then", "[number][date] then"),
    ("fo\u200bur one fi\u00adve two", "[number]"),
    ("FOUR, one. five uh two", "[number]"),
    ("card four one one one one one one one one one one one one one one one", "card [number]"),
    ("my pin is 123", "my pin is [number]"),
    ("the cvv is four one one", "the cvv is [number]"),
    ("at 10:30 on platform 9", "at 10:30 on platform 9"),
    ("IBAN DE89\u212a\u212a\u212a\u212a\u212a\u212a\u212a\u212a\u212a\u212a\u212a", "IBAN DE89KKKKKKKKKKK"),
    ("I have two children and 3 cats", "I have two children and 3 cats"),
    ("at ten past five", "at ten past five"),
])
def test_each_kind_becomes_its_mark(text: str, masked: str) -> None:
    """What it was is said, what it said is gone."""
    assert masked == mask(text)


_SPEECH = st.lists(st.one_of(
    st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.from_regex(r"\+?[0-9]{1,12}", fullmatch=True),
    st.sampled_from([
        "one", "two", "twenty", "at", "dot", "@", ".", "-", "/", "may", "third", "of", "pin", "is", "uh", "[", "]",
        "(", ")", "x", "_", "\u200b", "\u00b2", "DE89", "x@y.com",
    ]),
), max_size=20).flatmap(lambda parts: st.sampled_from(["", " "]).map(lambda space: space.join(parts)))


@given(st.one_of(st.text(max_size=300), _SPEECH))
def test_masking_twice_is_masking_once(text: str) -> None:
    """Marks are never taken for personal data."""
    assert mask(mask(text)) == mask(text)


@given(st.one_of(st.text(max_size=300), _SPEECH), st.integers(1000, 10**15))
def test_no_run_of_four_digits_survives(text: str, number: int) -> None:
    """Whatever is said around it, with or without a space."""
    assert re.search(r"\d{4}", mask(f"{text}{number}{text} {number}")) is None


@pytest.mark.parametrize("text", ["1234 " * 1000, "12/12/84 " * 500, "\ufdfa" * 4000, "DE89" * 1000])
def test_a_text_of_full_length_is_masked_once_and_for_all(text: str) -> None:
    """Marks are longer than what they stand for; what does not fit is dropped."""
    masked = mask(text)

    assert len(masked) <= MAX_CHARS
    assert masked == mask(masked)


def test_what_was_not_looked_at_is_not_shown() -> None:
    """Text past the limit is dropped."""
    assert "4111" not in mask("a" * 4000 + " 4111 1111 1111 1111")
