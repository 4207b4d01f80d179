"""Personal data out of text: each find becomes a mark that says only what kind it was.

Errs on the side of masking: every run of four or more digits goes, written or spoken, and every word that mixes letters
with several digits. Names and street addresses are recognised after a cue; passwords that are ordinary words are not.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import phonenumbers
from stdnum import iban

from voiceguard.text import personal

MAX_CHARS = 4000
"""Text past this is dropped: what was not looked at must not be shown."""
REGIONS: Final = ("US", "GB", "DE", "FR", "IN")
"""Where numbers without a country code may belong."""
_PHONE_TRIES = 40
"""Candidates tried per region. A number past them is still masked, as digits."""

_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ .-]?[A-Z0-9]){11,30}\b", re.IGNORECASE | re.ASCII)
_DIGITS = re.compile(r"\d(?:[^\w\[\]:]{0,3}\d){3,}")
"""Colons stay outside, so that the time of day stays readable."""

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_DAY = (
    r"(?:\d{1,2}(?:st|nd|rd|th)?|(?:twenty |thirty )?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)"
    r"|tenth|eleventh|twelfth|(?:thir|four|fif|six|seven|eigh|nine)teenth|twentieth|thirtieth)"
)
_CARDINAL = (
    r"(?:zero|oh?|nought|nil|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|double|triple)"
)
_YEAR = (
    rf"(?:\d{{4}}|'?\d{{2}}|(?:nineteen|twenty)(?:[ -]{_CARDINAL}){{1,2}}"
    rf"|two thousand(?: and)?(?: {_CARDINAL}){{0,2}})"
)
_DM, _MD = (rf"{day}[./-]{month}" for day, month in (
    (r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"), (r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"),
))
_DATE = re.compile(
    rf"(?<![\d./-])(?:(?:{_DM}|{_MD})[./-](?:\d{{4}}|\d{{2}})|\d{{4}}-\d{{2}}-\d{{2}})(?![\d./-]*\d)"
    rf"|\b(?:{_DAY}(?: of)? {_MONTH}|{_MONTH} (?:the )?{_DAY})\b(?:,? {_YEAR}\b)?",
    re.IGNORECASE,
)
_APART = r"[\s,.–-]{1,3}"
_NUMERAL = rf"(?:{_CARDINAL}|\d+)"
_SPOKEN = re.compile(
    rf"\b{_NUMERAL}(?:{_APART}(?:(?:uh|um|er|erm|and|then|dash){_APART})?{_NUMERAL}){{3,}}\b", re.IGNORECASE
)
_SECRET = re.compile(
    rf"\b((?:pin|code|passcode|cvv2?|cvc2?|otp)(?:{_APART}(?:number|is|was|it's|the|my)){{0,3}}{_APART})"
    rf"(?:\d{{2,3}}|{_NUMERAL}(?:{_APART}{_NUMERAL}){{1,2}})\b",
    re.IGNORECASE,
)
"""Short numbers that follow the word for a secret."""
_TOKEN = re.compile(r"\w{5,}")
_ALTERNATING = re.compile(r"\d[^\W\d_]+\d")
_SEPARATORS = re.compile(r"[ .-]")
_MARK = re.compile(r"\[(email|iban|card|id|phone|date|code|number|address|name)(?:-\d{1,3})?\]")
_CARD_DIGITS = range(12, 20)


def mask(text: str) -> str:
    """The text, in NFKC and without invisible signs, with personal data replaced by marks.

    [email] [iban] [card] [id] [phone] [date] [code] [number] [address] [name].
    Masking twice is masking once. At most 4000 characters are
    kept.
    """
    kept = text[:MAX_CHARS]
    # What a mark now stands beside may read otherwise; each round leaves less to find, and one is nearly always enough.
    while (masked := _mask_once(kept)) != kept:
        kept = masked
    return kept


def marks(masked: str) -> list[str]:
    """Kinds of the marks in a masked text, each as often as it stands there."""
    return _MARK.findall(masked)


def _mask_once(text: str) -> str:
    text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    text = unicodedata.normalize("NFKC", text)[:MAX_CHARS]
    text = personal.mask_emails(text)
    text = _IBAN.sub(_mask_iban, text)
    text = _DIGITS.sub(lambda found: "[card]" if _is_card(found[0]) else found[0], text)
    text = personal.mask_national(text)
    text = _mask_phones(text)
    text = personal.mask_births(text)
    text = _DATE.sub("[date]", text)
    text = _TOKEN.sub(lambda found: "[code]" if _is_code(found[0]) else found[0], text)
    text = _DIGITS.sub("[number]", text)
    text = personal.mask_runs(text)
    text = _SPOKEN.sub("[number]", text)
    text = _SECRET.sub(r"\1[number]", text)
    text = personal.mask_addresses(text)
    return personal.mask_names(text)


def _mask_phones(text: str) -> str:
    if sum(sign.isdecimal() for sign in text) < 6:
        return text
    places = sorted(
        (match.start, match.end) for region in REGIONS
        for match in phonenumbers.PhoneNumberMatcher(text, region, phonenumbers.Leniency.VALID, _PHONE_TRIES)
    )
    shown, end = [], 0
    for first, last in places:
        if first >= end and "[" not in text[first:last]:
            shown += [text[end:first], "[phone]"]
            end = last
    return "".join([*shown, text[end:]])


def _is_card(found: str) -> bool:
    """ISO/IEC 7812 length and Luhn's check digit."""
    digits = [int(sign) for sign in found if sign.isdecimal()]
    if len(digits) not in _CARD_DIGITS:
        return False
    doubled = (sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0


def _is_code(token: str) -> bool:
    """Letters with three digits or more, or with digits in two places: booking references, document numbers."""
    digits = sum(sign.isdecimal() for sign in token)
    letters = any(sign.isalpha() for sign in token)
    return letters and (digits >= 3 or _ALTERNATING.search(token) is not None)


def _mask_iban(found: re.Match[str]) -> str:
    """The longest beginning that is an IBAN; words that follow one look like more of it."""
    text = found[0]
    for end in range(len(text), 14, -1):
        if text[end - 1] not in " .-" and len(text[:end]) >= 15 and iban.is_valid(_SEPARATORS.sub("", text[:end])):
            return "[iban]" + text[end:]
    return text
