"""The outbound guard: what a bot is about to say, held against the facts that it was given.

Facts are values, SHA-256 hashes of values in their plain form (`sha256:...`), or tokens (`tok_...`, said as they are).
Numbers are compared by value, other data by their letters. Nothing of the text is kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from voiceguard.text import cards, numerals
from voiceguard.text.pii import MAX_CHARS, mask

OVERSIZED = "oversized"
"""The leak of a text that is too long to be looked at whole."""
MAX_FACTS = 1000
_HASH: Final = re.compile(r"sha256:([0-9a-f]{64})")
_MARK: Final = re.compile(r"\[([a-z]+)\]")
_NUMBER: Final = re.compile(r"[+\d\s.,-]+")
_AMOUNT: Final = re.compile(r"(?<!\w)\d{1,3}(?:[,. ']\d{3})+(?:[.,]\d{2})?(?!\w)|(?<!\w)\d+[.,]\d{2}(?!\w)")
_DIGIT_BEFORE: Final = re.compile(r"\d[^\w]?$|\d_$")
_DIGIT_AFTER: Final = re.compile(r"[\W_]?\d")
_PLAIN: Final = re.compile(r"[\W_]+")
_WORD: Final = re.compile(r"[\w@.+-]*\w")
_GROUPS: Final = re.compile(r"\+?\d[\d .-]*\d")
_HOLE: Final = "\ue000"


@dataclass(frozen=True)
class Verdict:
    """What may be said."""

    masked: str
    """The text with uncovered personal data as marks; covered facts stay."""
    leaks: tuple[str, ...]
    """Kinds of personal data that no fact covers, each once, in the order of their names."""

    @property
    def allow(self) -> bool:
        """Whether the text may be said as it is."""
        return not self.leaks


def plain(value: str) -> str:
    """The form that is compared and hashed: letters and digits in lower case."""
    return _PLAIN.sub("", value).lower()


def check(text: str, facts: Iterable[str] = ()) -> Verdict:
    """Masks what is personal in the text and is none of the facts.

    A card number that is no fact is refused in whatever form and whatever of it is a fact: the last look is at what
    would be said.
    """
    if len(text) > MAX_CHARS:
        return Verdict(mask(text), (OVERSIZED,))
    known = Facts.of(facts)
    clean = text.replace(_HOLE, " ")
    spans = _spans(clean, known)
    covered = clean
    for first, last in reversed(spans):
        covered = f"{covered[:first]}{_HOLE}{covered[last:]}"
    shown, parts = mask(covered), iter([clean[first:last] for first, last in spans])
    leaks = {kind for kind in _MARK.findall(shown) if shown.count(f"[{kind}]") > covered.count(f"[{kind}]")}
    said = re.sub(_HOLE, lambda _: next(parts, ""), shown)
    if cards.foreign(said, known.digits | _hashed_digits(said, known)):
        said, leaks = _without_cards(clean), leaks | {"card"}
    return Verdict(said, tuple(sorted(leaks)))


def _hashed_digits(text: str, known: Facts) -> set[str]:
    return {run.digits for run in cards.runs(text) if _is_hashed(run.digits, known)}


def _without_cards(text: str) -> str:
    """The text with every mark that can be made, and every card number that masking leaves."""
    shown = mask(text)
    for run in reversed(cards.foreign(shown, frozenset())):
        shown = f"{shown[:run.first]}[card]{shown[run.last:]}"
    return shown


@dataclass(frozen=True)
class Facts:
    """What may be said, in the forms that it is compared in."""

    values: tuple[str, ...]
    hashes: frozenset[str]
    digits: frozenset[str]
    """Of facts that are numbers, and of numbers in facts that are more than one: all their digits."""
    amounts: frozenset[int]

    @staticmethod
    def of(facts: Iterable[str]) -> Facts:
        """At most MAX_FACTS; a single letter or digit is too little to be told apart."""
        known = [fact for _, fact in zip(range(MAX_FACTS), facts, strict=False)]
        values = tuple(fact for fact in dict.fromkeys(known) if not _HASH.fullmatch(fact) and len(plain(fact)) >= 2)
        numbers = [value for value in values if _NUMBER.fullmatch(value)]
        return Facts(
            values, frozenset(match[1] for fact in known if (match := _HASH.fullmatch(fact))),
            frozenset(filter(None, ("".join(sign for sign in value if sign.isdecimal()) for value in values))),
            frozenset(number for value in numbers for number in numerals.figures(value)),
        )


def _spans(text: str, known: Facts) -> list[tuple[int, int]]:
    """Places of the text that are wholly a fact, in order, none in another."""
    letters = _letters(text)
    near = [value for value in known.values if _letters(value) in letters]
    found = [match.span() for value in near for match in re.finditer(_spelled(value), text, re.IGNORECASE)]
    found += [match.span() for match in (*_WORD.finditer(text), *_GROUPS.finditer(text)) if _is_hashed(match[0], known)]
    for language, pattern in numerals.RUNS.items():
        for run in pattern.finditer(text):
            if _is_number(run[0], language, known) and not _beside_number(text, *run.span()):
                found.append(run.span())
    found += [
        amount.span() for amount in _AMOUNT.finditer(text)
        if known.amounts & set(numerals.values(amount[0])) and not _beside_number(text, *amount.span())
    ]
    kept: list[tuple[int, int]] = []
    for first, last in sorted(found, key=lambda span: (span[0], -span[1])):
        if first < last and (not kept or first >= kept[-1][1]):
            kept.append((first, last))
    return kept


def _is_hashed(said: str, known: Facts) -> bool:
    return bool(known.hashes) and hashlib.sha256(plain(said).encode("utf-8", "replace")).hexdigest() in known.hashes


def _is_number(run: str, language: str, known: Facts) -> bool:
    """Whether a run is one of the facts as an amount, or digit for digit, in the clear or hashed."""
    return (
        bool(known.amounts & numerals.run_values(run, language))
        or _is_hashed(numerals.digits_of(run, language), known)
    )


def _beside_number(text: str, first: int, last: int) -> bool:
    """Whether a number goes on beyond the place."""
    return bool(_DIGIT_BEFORE.search(text[max(first - 2, 0):first]) or _DIGIT_AFTER.match(text[last:last + 2]))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def _spelled(value: str) -> str:
    """A pattern for the value with any separators between its letters, and nothing of a longer one beside it."""
    signs = [re.escape(sign) for sign in value if sign.isalnum()]
    return r"(?<![\w@+])(?<!\w[.\-/:])" + r"[\W_]{0,3}".join(signs) + r"(?![\w@]|[.\-/:+]\w|[ ]\d)"
