"""Number words of English, German, French, Spanish, Portuguese and Hindi (also in Latin letters), and their values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_TENS_EN: Final = ["ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_UNITS: Final[dict[str, str]] = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
          "seventeen eighteen nineteen",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
          "siebzehn achtzehn neunzehn",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince",
    "pt": "zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze",
    "hi": "shunya ek do teen chaar paanch chhah saat aath nau das",
    "hi2": "शून्य एक दो तीन चार पांच छह सात आठ नौ दस",
}
_MORE: Final[dict[str, dict[str, int]]] = {
    "en": {"oh": 0, "o": 0, "nought": 0, "nil": 0} | {word: 10 * (place + 1) for place, word in enumerate(_TENS_EN)},
    "de": {"zwo": 2, "fuenf": 5, "zwoelf": 12, "zwanzig": 20, "dreißig": 30, "vierzig": 40, "fünfzig": 50,
           "sechzig": 60,
           "siebzig": 70, "achtzig": 80, "neunzig": 90},
    "fr": {"zero": 0, "une": 1, "vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60},
    "es": {"una": 1, "veinte": 20, "treinta": 30, "cuarenta": 40, "cincuenta": 50, "sesenta": 60, "setenta": 70,
           "ochenta": 80, "noventa": 90},
    "pt": {"uma": 1, "tres": 3, "meia": 6, "vinte": 20, "trinta": 30, "quarenta": 40, "cinquenta": 50},
    "hi": {"zero": 0, "char": 4, "panch": 5, "chhe": 6, "che": 6, "chah": 6, "chhah": 6, "sat": 7, "aat": 8, "ath": 8},
    "hi2": {"ज़ीरो": 0, "पाँच": 5, "छः": 6},
}
VALUES: Final[dict[str, dict[str, int]]] = {
    language: {word: value for value, word in enumerate(listed.split())} | _MORE[language]
    for language, listed in _UNITS.items()
}
"""Language to number word to value."""
SCALES: Final = {"hundred": 100, "thousand": 1000, "million": 1000000}
REPEATS: Final = ("double", "triple")
"""Twice and three times the digit that follows."""

_FILL = r"(?:(?:uh|um|er|erm|and|then|dash|äh|euh|eh|und|et|y|e|aur)[\s,.–-]{1,3})?"
_APART = r"[\s,.–-]{1,3}"


def _any(words: list[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


def _numeral(language: str) -> str:
    more = [*REPEATS, *SCALES] if language == "en" else []
    return rf"(?:{_any([*VALUES[language], *more])}|\d+)"


RUNS: Final = {
    language: re.compile(
        rf"(?<![\w[\]]){_numeral(language)}(?:{_APART}{_FILL}{_numeral(language)})*(?![\w\]])", re.IGNORECASE,
    ) for language in VALUES
}
"""Number words and figures of one language, one after another."""
HAN = re.compile(r"[零〇一二三四五六七八九]{4,}")
_TOKEN = re.compile(r"[^\W_]+(?:[\u0900-\u0903\u093a-\u094f]+[^\W_]*)*")
_WHOLE = re.compile(r"[.,]00$")
_FIGURES = re.compile(r"\d[\d,. '’-]*\d|\d")


def count(run: str) -> int:
    """How many digits and number words there are in a run; scales ("hundred") do not count."""
    return sum(word.lower() not in SCALES and word.lower() in _WORDS for word in _TOKEN.findall(run))


_WORDS: Final = frozenset(word for words in VALUES.values() for word in words) | frozenset(REPEATS)


def size(run: str) -> int:
    """As `count`, with every digit of a figure counted."""
    return count(run) + sum(sign.isdecimal() for sign in run)


def values(text: str) -> Iterator[int]:
    """Values of the numbers in a text: figures, and number words by language.

    Words count as an amount where they are one ("two hundred and five" is 205), and as digits one after another
    ("two oh five" is 205 too).
    """
    yield from figures(text)
    for language, pattern in RUNS.items():
        for run in pattern.finditer(text):
            yield from run_values(run[0], language)


def figures(text: str) -> Iterator[int]:
    """Values of the figures in a text, without separators; ",00" says nothing."""
    for found in _FIGURES.finditer(text):
        digits = "".join(sign for sign in _WHOLE.sub("", found[0]) if sign.isdecimal())
        if len(digits) <= 40:
            yield int(digits)


def run_values(run: str, language: str) -> set[int]:
    """What one run of number words and figures may mean."""
    if len(run) > 400:
        return set()
    spelled, amount = digits_of(run, language), _amount(run, language)
    return ({int(spelled)} if spelled else set()) | ({amount} if amount is not None else set())


def digits_of(run: str, language: str) -> str:
    """The digits that a run says one after another; "double four" is 44, "hundred" says none."""
    known, said, times = VALUES[language], [], 1
    for token in _TOKEN.findall(run):
        word = token.lower()
        if word in REPEATS:
            times = 2 + REPEATS.index(word)
        elif word in known or word.isdecimal():
            said.append(times * (str(known[word]) if word in known else "".join(str(int(sign)) for sign in word)))
            times = 1
    return "".join(said)


def _amount(run: str, language: str) -> int | None:
    """The run as one amount; None where its words are no amount, such as digits one after another."""
    known, total, current, last = VALUES[language], 0, 0, 0
    spoken = map(str.lower, _TOKEN.findall(run))
    words = [word for word in spoken if word in known or word in SCALES or word.isdecimal()]
    for word in words:
        scale = SCALES.get(word, 0)
        if word.isdecimal() and len(words) > 1:
            return None
        if scale == 100:
            current, last = max(current, 1) * 100, 100
        elif scale:
            total, current, last = total + max(current, 1) * scale, 0, scale
        else:
            value = known[word] if word in known else int(word)
            if 0 < last < 20 or (last >= 20 and last < 100 and value >= 10):
                return None
            current, last = current + value, value
    return total + current if words else None
