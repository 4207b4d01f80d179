"""What personal data look like in words: e-mail addresses, dates of birth, names and addresses in context, secrets.

Each function replaces what it finds by a typed mark. English, German, French, Spanish, Portuguese and Hindi in Latin
letters; what is said without a cue word ("Ann Lee, please") is not found.
"""

from __future__ import annotations

import re
from typing import Final

from stdnum.br import cpf
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pt import nif
from stdnum.us import ssn

from voiceguard.text import numerals

_ABROAD = r"(?:dot|punkt|point|punto|ponto)"
_LOCAL = (
    rf"[\w.+-]{{1,64}}(?: (?:{_ABROAD}|underscore|dash|hyphen|plus|unterstrich|guion|tiret) [\w.+-]{{1,64}}){{0,4}}"
)
_END = r"[^\W\d_]{2,24}(?![\w@+-])"
_LABEL = r"[\w-]{1,63}"
EMAIL: Final = re.compile(
    rf"(?<![\w.+-]){_LOCAL}(?:"
    rf"\s?@\s?{_LABEL}(?:(?:\s?\.\s?|\s{_ABROAD}\s){_LABEL}){{0,3}}(?:\s?\.\s?|\s{_ABROAD}\s){_END}"
    rf"|\s(?:at|at the rate(?: of)?)\s{_LABEL}(?:(?:\.|\sdot\s){_LABEL}){{0,3}}(?:\.|\sdot\s){_END}"
    rf"|\s(?:ät|klammeraffe|arroba|arobase|arrobase)\s{_LABEL}(?:(?:\.|\s{_ABROAD}\s){_LABEL}){{0,3}}"
    rf"(?:\.|\s{_ABROAD}\s){_END})"
    r"|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}",
    re.IGNORECASE,
)
_MONTH = (
    r"jan(?:uary|uar|vier)?|feb(?:ruary|ruar)?|février|mar(?:ch|s|zo|ço)?|märz|apr(?:il)?|avril|abril|may|mai|"
    r"mayo|maio|"
    r"june?|juni|juin|junio|junho|july?|juli|juillet|julio|julho|aug(?:ust)?|août|agosto|sept?(?:ember)?|septembre|"
    r"septiembre|setembro|oct(?:ober|obre|ubre)?|oktober|outubro|nov(?:ember|embre|iembre|embro)?|dec(?:ember)?|"
    r"dezember|"
    r"décembre|diciembre|dezembro|enero|janeiro|febrero|fevereiro"
)
_ORDINAL = (
    r"first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|(?:thir|four|fif|six|"
    r"seven|eigh|nine)"
    r"teenth|twentieth|thirtieth|\d{1,4}(?:st|nd|rd|th)?"
    r"|(?:ers|zwei|drit|vier|fünf|sechs|sieb|ach|neun|zehn|elf|zwölf|[a-zäöüß]{3,16}(?:zehn|zigs))te[nr]?"
)
_CARDINAL = "|".join(sorted(
    {re.escape(word) for words in numerals.VALUES.values() for word in words} | {"hundred", "thousand", "mille", "mil"},
    key=len, reverse=True,
))
_HUNDREDS = (
    r"[a-zäöüß]{2,10}hundert[a-zäöüß]{0,24}|[a-zäöüß]{3,8}und[a-zäöüß]{2,9}zig"
    r"|[a-zç]{2,8}(?:cient|cent)[oa]s|quinient[oa]s|quinhent[oa]s|duzent[oa]s|trezent[oa]s"
    r"|vinte|trinta|quarenta|cinquenta|sessenta|setenta|oitenta|noventa"
)
"""Years as German, Spanish and Portuguese say them."""
_PART = rf"(?:{_MONTH}|{_ORDINAL}|{_HUNDREDS}|{_CARDINAL})"
_JOIN = r"(?:[\s,./-]{1,3}(?:(?:of|the|and|slash|dash|stroke|point|von|de|del|do|und|y|e)[\s,./-]{1,3})?)"
_BORN: Final = re.compile(
    r"(?<!\w)((?:born|dob|d\.? ?o\.? ?b\.?|date of birth|birth ?date|birthday|geboren|geburtsdatum|née?|"
    r"naissance|nacid[oa]|nací|nasci|"
    r"nacimiento|nascid[oa]|nascimento|janam)(?:[\s:,]{1,3}(?:is|was|on|the|am|in|le|el|em|it's|ist)){0,3}[\s:,]{1,3})"
    rf"{_PART}(?:{_JOIN}{_PART}){{1,9}}(?!\w)",
    re.IGNORECASE,
)
_ORDINALS: Final = re.compile(r"(?<!\w)\d{1,2}(?:st|nd|rd|th) of (?:the )?\d{1,2}(?:st|nd|rd|th)(?: \d{2,4})?(?!\w)",
    re.I)

_NO_NAME: Final = (
    r"(?:a|an|the|not|on|in|to|is|was|and|or|but|my|your|his|her|our|i|i'm|it|it's|that|this|he|she|we|they|you|"
    r"what|who|"
    r"wrong|spelled|misspelled|right|correct|changed|different|incorrect|still|now|no|yes|please|so|for|about|"
    r"with|from|"
    r"very|just|here|there|calling|speaking|going|changing|listed|at|of|can|could|do|does|did|have|has|need|"
    r"want|how|hai|"
    r"der|die|das|nicht|und|ich|pas|et|je|le|la|les|no|y|el|não|e|o|somebody|someone|anyone|customer|support|service|"
    r"agent|manager|representative|person|human|real|name|names)"
)
_LETTERS = r"[^\W\d_][^\W\d_'’-]{0,30}(?:['’-][^\W\d_]{1,30})?"
_NAME = rf"(?!{_NO_NAME}(?![\w'])){_LETTERS}"
_CALLED: Final = re.compile(
    r"(?<!\w)((?:(?:my|the|full|first|last|sur|maiden|her|his) ?(?:full |first |last |given )?(?:name|"
    r"surname)(?:'s| is| was)|"
    r"name on the (?:account|card) is|speaking (?:with|to)|you're speaking to|mein name ist|ich heiße|ich heisse|"
    r"je m'appelle|mon nom est|mi nombre es|me llamo|meu nome é|me chamo|mera naam|mera nam|मेरा नाम|"
    r"(?:mr|mrs|ms|mister|herr|frau|monsieur|madame|señora?|senhora?)\.?)\s)"
    rf"{_NAME}(?:\s{_NAME}){{0,2}}(?![\w'])",
    re.IGNORECASE,
)
_HOUSE = (
    r"(?:\d{1,5}[a-z]?|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty)"
    r"(?: (?:one|two|three|four|five|six|seven|eight|nine))?)"
)
_WORDS3 = r"[^\W\d_]{2,30}(?: [^\W\d_]{2,30}){0,2}"
_ADDRESS: Final = re.compile(
    rf"(?<![\w[]){_HOUSE},? {_WORDS3} (?:street|road|avenue|lane|boulevard|terrace|crescent|blvd)(?!\w)"
    rf"|(?<![\w[])[^\W\d_]{{2,30}}(?:straße|strasse|weg|platz|allee|gasse),? \d{{1,4}}[a-z]?(?!\w)"
    rf"|(?<![\w[])\d{{1,4}},? (?:rue|avenue|boulevard|chemin|impasse) (?:de |du |des |la |d'|"
    rf"l'){{0,2}}[^\W\d_]{{2,30}}(?!\w)"
    rf"|(?<![\w[])(?:calle|avenida|plaza|paseo|rua|travessa) {_WORDS3},? (?:número |numero |n )?\d{{1,4}}(?!\w)",
    re.IGNORECASE,
)
_POSTCODE: Final = re.compile(r"(?<!\w)[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}(?!\w)")

_CUE = (
    r"pin|code|passcode|cvv2?|cvc2?|otp|digits|social|ssn|karte|kartennummer|nummer|tarjeta|número|numero|numéro|clave|"
    r"cartão|carte|senha|nambar|geheimzahl"
)
_BETWEEN = r"number|is|are|was|it's|the|my|on|back|of|card|ist|lautet|es|est|é|hai|la|del|de|du|a"
_LONGER: Final = {language: re.compile(
    rf"(?<!\w)((?:{_CUE})(?:[\s:,.–-]{{1,3}}(?:{_BETWEEN})){{0,7}}[\s:,.–-]{{1,3}})({pattern.pattern})", re.IGNORECASE,
) for language, pattern in numerals.RUNS.items()}

_NATIONAL = (ssn, cpf, idnr, dni, nie, nir, nhs, aadhaar, pan, codicefiscale, bsn, nif)
_CANDIDATE: Final = re.compile(
    r"(?<![\w[])(?=[A-Z\d.-]*\d)[A-Z\d]{2,16}(?:[ .-][A-Z\d]{2,7}){0,4}(?![\w\]])", re.IGNORECASE
)


def mask_emails(text: str) -> str:
    """[email]: written, spoken, and mixed."""
    return EMAIL.sub("[email]", text)


def mask_births(text: str) -> str:
    """[date] after a word for birth, in any order and form, and days said as two ordinals."""
    return _ORDINALS.sub("[date]", _BORN.sub(r"\1[date]", text))


def mask_names(text: str) -> str:
    """[name] after a cue: "my name is", "speaking with", a title."""
    return _CALLED.sub(r"\1[name]", text)


def mask_addresses(text: str) -> str:
    """[address]: house number and street, and British postcodes."""
    return _POSTCODE.sub("[address]", _ADDRESS.sub("[address]", text))


def mask_national(text: str) -> str:
    """[id]: numbers that a country's own check accepts, of the forms that nothing else has."""
    return _CANDIDATE.sub(lambda found: "[id]" if is_national(found[0]) else found[0], text)


def is_national(found: str) -> bool:
    """Whether one of twelve countries' numbers is written so; nine or ten bare digits are too common to say."""
    plain = re.sub(r"[ .-]", "", found)
    if not 9 <= len(plain) <= 16 or (plain.isdecimal() and plain == found and len(plain) < 11):
        return False
    if plain.isdecimal() and len(plain) < 11 and not re.fullmatch(r"\d{3}-\d{2}-\d{4}|\d{3} \d{3} \d{4}", found):
        return False
    return plain.isascii() and any(number.is_valid(plain) for number in _NATIONAL)


def mask_runs(text: str) -> str:
    """[number]: four number words in a row in one language, and two after a cue ("PIN", "Nummer", "social")."""
    text = _COUNTED.sub("[number]", numerals.HAN.sub("[number]", text))
    for language, pattern in numerals.RUNS.items():
        if language == "en" or any(word in text.lower() for word in _RARE[language]):
            text = pattern.sub(_if_long, text)
            text = _LONGER[language].sub(_after_cue, text)
    return text


_COUNTED: Final = re.compile(
    r"(?<![\w[])(?:two|three|four|five|six|eight)(?= digit (?:code|pin|number))", re.IGNORECASE
)
"""How long a secret is, is said of it too."""
_RARE: Final = {language: tuple(words) for language, words in numerals.VALUES.items()}


def _if_long(run: re.Match[str]) -> str:
    return "[number]" if numerals.count(run[0]) + _figures(run[0]) >= 4 else run[0]


def _figures(run: str) -> int:
    return len(re.findall(r"\d+", run))


def _after_cue(found: re.Match[str]) -> str:
    return f"{found[1]}[number]" if numerals.size(found[2]) >= 2 else found[0]
