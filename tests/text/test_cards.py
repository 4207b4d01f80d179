"""Card numbers however they are said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.text.cards import foreign, luhn, runs

CARD = "4111111111111111"


@pytest.mark.parametrize("text", [
    "4111 1111 1111 1111", "4111:1111/1111_1111", "four triple one 1111 double one 1 1 one one one one",
    "vier eins eins eins 1111 1111 1111", "\uff14111 1111 1111 1111", "four one one one uh 1111 um 1111 1111",
])
def test_it_is_found_and_known(text: str) -> None:
    """In figures, words and both; and a known one is none of somebody else's."""
    assert [CARD] == [run.digits for run in foreign(text, frozenset())]
    assert [] == foreign(text, {CARD})


def test_a_piece_that_is_known_does_not_make_the_card_known() -> None:
    """Neither does a longer number that is not said."""
    assert foreign(CARD, {CARD[:12], CARD[4:], CARD + "1"})


def test_other_words_part_numbers() -> None:
    """Digits of two sentences are two numbers."""
    assert ["41", "1"] == [run.digits for run in runs("four one apples, 1 pear")]


@given(st.text(max_size=300))
def test_no_text_is_a_fault(text: str) -> None:
    """Runs lie in the text, in order."""
    found = list(runs(text))

    assert all(0 <= run.first < run.last <= len(text) for run in found)
    assert found == sorted(found, key=lambda run: run.first)


def test_luhn() -> None:
    """The check digit is right, or it is not."""
    assert luhn(CARD)
    assert not luhn(CARD[:-1] + "2")
