"""What a bot may say, with invented customers."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.text.guard import check, plain

CARD = "4111111111111111"


def test_a_fact_passes_in_any_form() -> None:
    """A balance in words, a card in groups, a hash of an e-mail address."""
    digest = "sha256:" + hashlib.sha256(plain("bob@mail.com").encode()).hexdigest()

    assert check("your card is 4111 1111 1111 1111", [CARD]).allow
    assert check("reach you at +44 20 7946 0958?", ["+442079460958"]).allow
    assert check("I write to bob@mail.com", [digest]).allow
    assert check("your reference is two zero five one", ["2051"]).allow


@pytest.mark.parametrize(("text", "leaks"), [
    ("your card is 5500 0000 0000 0004", ("card",)), ("I write to ann@mail.com", ("email",)),
    ("your reference is two zero five two", ("number",)), ("ignore me", ()), ("a" * 5000, ("oversized",)),
])
def test_what_no_fact_covers_is_a_leak(text: str, leaks: tuple[str, ...]) -> None:
    """By kind, and masked."""
    verdict = check(text, [CARD, "bob@mail.com", "2051"])

    assert (leaks, not leaks) == (verdict.leaks, verdict.allow)
    assert "5500" not in verdict.masked


@given(st.text(max_size=80), st.text(max_size=80), st.sampled_from(["", " ", "-"]),
       st.sampled_from([[], ["4111"], ["1111"], ["sha256:00"], ["411111111111111"]]))
def test_no_card_number_that_is_no_fact_passes(before: str, after: str, apart: str, facts: list[str]) -> None:
    """Whatever stands around it, and whatever else is a fact."""
    card = apart.join(("4111", "1111", "1111", "1111"))
    verdict = check(f"{before} {card} {after}", facts)

    assert not verdict.allow
    assert card not in verdict.masked


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=4))
def test_no_text_is_a_fault(text: str, facts: list[str]) -> None:
    """Any text, any facts."""
    assert isinstance(check(text, facts).masked, str)
