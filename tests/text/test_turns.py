"""Masks over several turns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voiceguard.text.turns import Turns


def test_a_number_said_in_pieces_is_masked_from_its_second_piece() -> None:
    """Three digits a turn, on any channel; after a while short numbers are words again."""
    turns = Turns()
    turns.mask("four one one", 1.0)

    assert "[number]" == turns.mask("one one one", 3.0)
    assert "[number] right" == turns.mask("five five right", 5.0)
    assert "five five right" == turns.mask("five five right", 60.0)


def test_the_bare_answer_to_a_question_is_masked() -> None:
    """Digits after a question for a number; a name after a question for one."""
    turns = Turns()
    turns.mask("what is the security number on the back", 1.0)
    assert "[number]" == turns.mask("1 2 3", 3.0)
    turns.mask("can I have your full name", 5.0)
    assert "[name]" == turns.mask("Ann Lee", 6.0)
    turns.mask("can I have your full name", 7.0)
    assert "why please" == turns.mask("why please", 8.0)


@given(st.lists(st.tuples(st.text(max_size=60), st.floats(0, 100)), max_size=6))
def test_no_turn_is_a_fault(said: list[tuple[str, float]]) -> None:
    """In any order of any texts."""
    turns = Turns()
    assert all(isinstance(turns.mask(text, at_s), str) for text, at_s in said)
