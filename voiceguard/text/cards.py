"""Card numbers in text however they are said: in figures with any separators, in words of any language, in both."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Final

from voiceguard.text import numerals

_SIZES: Final = range(12, 20)
_LONGEST = 64
"""Digits in a row of which nobody says more; more are taken for a card."""
_TOKEN: Final = re.compile(r"\d+|[^\W\d_]+(?:[\u0900-\u0903\u093a-\u094f]+[^\W\d_]*)*")
_WORDS: Final = {word: str(value) for known in numerals.VALUES.values() for word, value in known.items()}
_BETWEEN: Final = frozenset({"uh", "um", "er", "erm", "dash", "äh", "euh", "eh"})
_APART = 6
"""Most signs between two pieces of one number."""


@dataclass(frozen=True)
class Run:
    """Digits said one after another, at `first` to `last` of the text."""

    first: int
    last: int
    digits: str


def luhn(digits: str) -> bool:
    """Luhn's check digit (ISO/IEC 7812)."""
    doubled = (
        sum(divmod(2 * int(sign), 10)) if place % 2 else int(sign) for place, sign in enumerate(reversed(digits))
    )
    return sum(doubled) % 10 == 0


def runs(text: str) -> Iterator[Run]:
    """Longest runs of figures and number words, whatever stands between them but other words."""
    first = last = 0
    said: list[str] = []
    times = 1
    for token in _TOKEN.finditer(text):
        word = unicodedata.normalize("NFKC", token[0]).lower()
        if word in _BETWEEN and said:
            last = token.end()
            continue
        if said and token.start() - last > _APART:
            yield Run(first, last, "".join(said))
            said, times = [], 1
        if word in numerals.REPEATS:
            times = 2 + numerals.REPEATS.index(word)
            first, last = (first, token.end()) if said else (token.start(), token.end())
        elif word.isdecimal() or word in _WORDS:
            first, last = (first if said or times > 1 else token.start()), token.end()
            said.append(times * ("".join(str(int(sign)) for sign in word) if word.isdecimal() else _WORDS[word]))
            times = 1
        elif said:
            yield Run(first, last, "".join(said))
            said, times = [], 1
    if said:
        yield Run(first, last, "".join(said))


def foreign(text: str, known: Set[str]) -> list[Run]:
    """Runs that hold a card number which is none of the known numbers."""
    return [run for run in runs(text) if run.digits not in known and _holds_card(run.digits, known)]


def _holds_card(digits: str, known: Set[str]) -> bool:
    """Whether a part of the digits passes Luhn's check and lies in no known number.

    One in ten parts passes it by chance, so a known number with others right beside it is now and then refused.
    """
    if len(digits) > _LONGEST:
        return True
    inside = [
        (place, place + len(one)) for one in known if len(one) >= min(_SIZES)
        for place in range(len(digits) - len(one) + 1) if digits.startswith(one, place)
    ]
    return any(
        luhn(digits[start:start + size]) and not any(first <= start and start + size <= last for first, last in inside)
        for size in _SIZES for start in range(len(digits) - size + 1)
    )
