"""A linear classifier over hashed n-grams, with weights made in the test."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.text.linear import BUCKETS, PIECE_CHARS, Classifier, features, pieces, plain


def taught(sentence: str) -> Classifier:
    """A classifier that knows one sentence."""
    weights = np.zeros((BUCKETS, 1), dtype=np.int8)
    weights[features(plain(sentence))[0]] = 10
    return Classifier(("refund",), weights, np.ones(1, np.float32), np.full(1, -100.0, np.float32), {"refund": 0.5})


def test_what_was_taught_is_heard_and_nothing_else() -> None:
    """In any case and with any punctuation; and a long turn hides no sentence."""
    classifier = taught("give me my money back")

    assert {"refund"} == set(classifier.hear("Give me my MONEY back!"))
    assert {"refund"} == set(classifier.hear("Well. Give me my money back. " + "It rained all day. " * 8))
    assert {} == classifier.hear("when do you open")


@given(st.text(max_size=2000))
def test_no_text_is_a_fault(text: str) -> None:
    """Whatever the text is, probabilities are numbers between 0 and 1."""
    assert 0.0 <= taught("one").probabilities(text)["refund"] <= 1.0


@given(st.text(max_size=3000))
def test_pieces_are_short(text: str) -> None:
    """However long the text."""
    assert all(len(piece) <= PIECE_CHARS for piece in pieces(text))
