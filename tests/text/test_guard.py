"""What a bot may say, with invented customers."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
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


_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_CARDS = ("4111111111111111", "5500000000000004", "378282246310005", "6011000990139424")


@st.composite
def _spoken_cards(draw: st.DrawFn) -> tuple[str, str]:
    """A card's digits, and the card in figures, in words or in both, with one separator throughout or many."""
    card = draw(st.sampled_from(_CARDS))
    parts, place = [], 0
    while place < len(card):
        size = draw(st.integers(1, 4))
        group = card[place:place + size]
        parts += [_WORDS[int(sign)] for sign in group] if draw(st.booleans()) else [group]
        place += size
    text = parts[0]
    for before, part in zip(parts, parts[1:], strict=False):
        joined = ["", "/", ":", "_", ".", "-"] if before[-1].isdecimal() and part[0].isdecimal() else []
        text += draw(st.sampled_from([" ", ", ", *joined])) + part
    return card, text


def _facts_against(card: str) -> st.SearchStrategy[list[str]]:
    """Facts that are not the card, though they are of it: its pieces, the sum of its digits, a hash of a piece."""
    pieces = st.tuples(st.integers(0, len(card) - 1), st.integers(1, len(card) - 1)).map(
        lambda cut: card[cut[0]:cut[0] + cut[1]]
    ).filter(lambda piece: piece != card)
    hashed = pieces.map(lambda piece: "sha256:" + hashlib.sha256(piece.encode()).hexdigest())
    total = str(sum(map(int, card)))
    fixed = st.sampled_from([total, *_WORDS, card + "1", "1" + card, *(card[at:at + 4] for at in range(0, 16, 4))])
    return st.lists(st.one_of(pieces, hashed, fixed), max_size=8)


@settings(max_examples=400)
@given(_spoken_cards().flatmap(lambda made: st.tuples(st.just(made), _facts_against(made[0]))),
       st.text(max_size=40), st.text(max_size=40))
def test_no_card_number_that_is_no_fact_passes(
    made: tuple[tuple[str, str], list[str]], before: str, after: str
) -> None:
    """However it is said, whatever stands around it, and whatever of it is a fact."""
    (_, said), facts = made
    verdict = check(f"{before} {said} {after}", facts)

    assert not verdict.allow
    assert said not in verdict.masked


@pytest.mark.parametrize(("text", "fact"), [
    ("four one one one one one one one one one one one one one one one", "19"),
    ("write to jim.bob@mail.com", "bob@mail.com"), ("it is 48213-77", "48213"), ("it is 205.50 and 4821350", "4821300"),
])
def test_a_piece_or_a_sum_covers_nothing(text: str, fact: str) -> None:
    """A fact covers what is wholly the fact."""
    assert not check(text, [fact]).allow


@pytest.mark.parametrize(("text", "fact"), [
    ("the balance is two hundred and five thousand four hundred dollars", "205400"),
    ("your card 4111 1111 1111 1111, and 205 dollars", CARD), ("reference 48213. 2 days left", "48213"),
    ("your card is 4111-1111-1111-1111", "sha256:" + hashlib.sha256(CARD.encode()).hexdigest()),
    ("it is double four one nine two", "44192"), ("the total is 1,234,567.00", "1234567"),
])
def test_what_is_wholly_a_fact_passes(text: str, fact: str) -> None:
    """Amounts by value, digits one after another, whatever follows in the sentence."""
    assert check(text, [fact]).allow


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=4))
def test_no_text_is_a_fault(text: str, facts: list[str]) -> None:
    """Any text, any facts."""
    assert isinstance(check(text, facts).masked, str)
