"""Personal data out of text: each find becomes a mark that says only what kind it was.

Errs on the side of masking: every run of four or more digits goes, spelled out or not. Names and street addresses are
not recognised.
"""

from __future__ import annotations

import re
from typing import Final

import phonenumbers

MAX_CHARS = 4000
"""Text past this is dropped: what was not looked at must not be shown."""
REGIONS: Final = ("US", "GB", "DE", "FR", "IN")
"""Where numbers without a country code may belong."""

_EMAIL = re.compile(
    r"[\w.+-]{1,64}\s?@\s?[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"
    r"|\b[\w.+-]{1,64} at [\w-]{1,63}(?: dot [\w-]{1,63}){1,4}\b",
    re.IGNORECASE,
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]){11,30}\b", re.IGNORECASE)
_DIGITS = re.compile(r"(?<![\w\[])\d(?:[ .\-/]?\d){3,}(?!\w)")
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE = re.compile(
    r"\b(?:\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}-\d{2}-\d{2}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTHS})[a-z]*,? \d{{4}}"
    rf"|(?:{_MONTHS})[a-z]* \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})\b",
    re.IGNORECASE,
)
_WORD = r"(?:zero|oh|nought|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen" \
        r"|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|double|triple|\d+)"
_SPOKEN = re.compile(rf"\b{_WORD}(?:[ ,-]{{1,2}}{_WORD}){{3,}}\b", re.IGNORECASE)
_CARD_DIGITS = range(12, 20)


def mask(text: str) -> str:
    """The text with e-mail addresses, card, account and telephone numbers, dates, and runs of digits replaced by marks.

    Masking twice is masking once. At most 4000 characters are kept.
    """
    kept = text[:MAX_CHARS]
    kept = _EMAIL.sub("[email]", kept)
    kept = _IBAN.sub(_mask_iban, kept)
    kept = _DIGITS.sub(lambda found: "[card]" if _is_card(found[0]) else found[0], kept)
    kept = _mask_phones(kept)
    kept = _DATE.sub("[date]", kept)
    kept = _DIGITS.sub("[number]", kept)
    return _SPOKEN.sub("[number]", kept)


def _mask_phones(text: str) -> str:
    if sum(sign.isdigit() for sign in text) < 6:
        return text
    places = {
        (match.start, match.end) for region in REGIONS
        for match in phonenumbers.PhoneNumberMatcher(text, region, phonenumbers.Leniency.VALID)
    }
    for start, end in sorted(places, reverse=True):
        if "[" not in text[start:end]:
            text = f"{text[:start]}[phone]{text[end:]}"
    return text


def _is_card(found: str) -> bool:
    """ISO/IEC 7812 length and Luhn's check digit."""
    digits = [int(sign) for sign in found if sign.isdecimal()]
    if len(digits) not in _CARD_DIGITS:
        return False
    doubled = (sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0


def _mask_iban(found: re.Match[str]) -> str:
    """The longest beginning that is an IBAN; words that follow one look like more of it."""
    text = found[0]
    for end in range(len(text), 14, -1):
        if text[end - 1] != " " and _is_iban(text[:end].replace(" ", "").upper()):
            return "[iban]" + text[end:]
    return text


def _is_iban(plain: str) -> bool:
    """ISO 13616: the number that the letters and digits spell leaves 1 when divided by 97."""
    return len(plain) >= 15 and int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1
