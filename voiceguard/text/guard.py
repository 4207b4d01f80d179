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

from voiceguard.text import numerals
from voiceguard.text.pii import MAX_CHARS, mask

OVERSIZED = "oversized"
"""The leak of a text that is too long to be looked at whole."""
MAX_FACTS = 1000
_HASH: Final = re.compile(r"sha256:([0-9a-f]{64})")
_MARK: Final = re.compile(r"\[([a-z]+)\]")
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
    """Masks what is personal in the text and is none of the facts."""
    if len(text) > MAX_CHARS:
        return Verdict(mask(text), (OVERSIZED,))
    known = [fact for _, fact in zip(range(MAX_FACTS), facts, strict=False)]
    hashes = {match[1] for fact in known if (match := _HASH.fullmatch(fact))}
    values = [fact for fact in known if not _HASH.fullmatch(fact) and len(plain(fact)) >= 2]
    covered = _covered(text.replace(_HOLE, " "), values, hashes)
    shown, parts = mask(covered), iter(_parts(text, values, hashes))
    leaks = {kind for kind in _MARK.findall(shown)} - set(_MARK.findall(covered))
    leaks |= {kind for kind in _MARK.findall(shown) if shown.count(f"[{kind}]") > covered.count(f"[{kind}]")}
    return Verdict(re.sub(_HOLE, lambda _: next(parts, ""), shown), tuple(sorted(leaks)))


def _spans(text: str, values: list[str], hashes: set[str]) -> list[tuple[int, int]]:
    """Places of the text that a fact covers, in order, none in another."""
    found = [
        match.span() for value in values for match in re.finditer(_spelled(value), text, re.IGNORECASE)
    ]
    amounts = {number for value in values if re.fullmatch(r"[\d\s.,-]+", value) for number in numerals.values(value)}
    for pattern in (*numerals.RUNS.values(), _WORD, _GROUPS):
        for run in pattern.finditer(text):
            digest = hashlib.sha256(plain(run[0]).encode("utf-8", "replace")).hexdigest()
            if digest in hashes or (amounts and pattern in numerals.RUNS.values() and _is_amount(run[0], amounts)):
                found.append(run.span())
    kept: list[tuple[int, int]] = []
    for first, last in sorted(found, key=lambda span: (span[0], -span[1])):
        if first < last and (not kept or first >= kept[-1][1]):
            kept.append((first, last))
    return kept


def _is_amount(run: str, amounts: set[int]) -> bool:
    said = set(numerals.values(run))
    return bool(said) and bool(said & amounts) and sum(sign.isdecimal() for sign in run) < 12


def _spelled(value: str) -> str:
    """A pattern for the value with any separators between its letters, and nothing of a longer one beside it."""
    signs = [re.escape(sign) for sign in value if sign.isalnum()]
    return r"(?<!\w)" + r"[\W_]{0,3}".join(signs) + r"(?![\w]|[ .-]?\d)"


def _covered(text: str, values: list[str], hashes: set[str]) -> str:
    for first, last in reversed(_spans(text, values, hashes)):
        text = f"{text[:first]}{_HOLE}{text[last:]}"
    return text


def _parts(text: str, values: list[str], hashes: set[str]) -> list[str]:
    clean = text.replace(_HOLE, " ")
    return [clean[first:last] for first, last in _spans(clean, values, hashes)]
