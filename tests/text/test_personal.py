"""Personal data in words, in the languages that the service hears."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.text.pii import mask


@pytest.mark.parametrize(("text", "unseen"), [
    ("write to bob77 at yahoo.co.uk", "bob77"), ("it's bob dot hill at gmail.com okay", "hill"),
    ("bob.hill@gmail dot com", "bob"), ("bob @ mail . com", "bob"), ("hans klammeraffe firma punkt de", "hans"),
    ("luis arroba correo punto es", "luis"), ("luc arobase poste point fr", "luc"),
    ("the cvv on the back is 987", "987"), ("digits on the back are 9 8 7", "9 8 7"),
    ("my four digit code on the back of the card is nine eight seven", "four"),
    ("born on ninth May nineteen sixty two", "sixty"), ("born May ninth sixty-two", "sixty"),
    ("dob is 9 slash 5 slash 62", "slash"), ("d o b ninth fifth nineteen sixty two", "sixty"), ("9th of 5th 62", "5th"),
    ("the last four of my social are fifteen thirty", "fifteen"),
    ("call oh seven nine double five eight hundred six two one", "six two one"),
    ("meine Nummer ist null vier null acht null eins sieben", "acht"), ("mein Code ist drei sieben eins", "sieben"),
    ("mi tarjeta es cinco dos dos dos dos", "dos"), ("le code est six sept huit un", "sept"),
    ("mera nambar nau saat aath teen", "saat"), ("卡号五五五五一一一一", "五"),
    ("IBAN GB82-WEST-1234-5698-7654-32", "WEST"), ("my ssn is 536-90-4399", "4399"),
    ("my name is Bob Hill and I need help", "Bob"), ("ich heiße Hans Maier", "Hans"), ("me llamo Luis Vega", "Luis"),
    ("I live at 12 Moss Lane", "Moss"), ("Lindenstraße 4", "Linden"), ("12 rue de Lyon", "Lyon"), ("SW1A 1AA", "1AA"),
])
def test_it_is_not_seen(text: str, unseen: str) -> None:
    """What it was is a mark."""
    assert unseen not in mask(text)


@pytest.mark.parametrize("text", [
    "my name is wrong on the letter", "I was at home. Then it rang", "two or three weeks",
    "I paid five hundred dollars",
    "use it at a point of sale", "do you open at nine", "one more time please",
])
def test_ordinary_words_stay(text: str) -> None:
    """Nothing personal, nothing masked."""
    assert text == mask(text)


_WORDS = st.sampled_from(
    ["my", "name", "is", "bob", "hill", "at", "dot", "com", "@", ".", "born", "on", "march", "twelfth", "71",
        "slash", "code", "vier", "acht", "dos", "uno", "12", "rue", "de", "lyon", "street", "oh", "hundred",
        "[name]", "[number]", "mr", "dob", "cvv", "4111", "1111", "GB82", "WEST"]
)


@given(st.lists(_WORDS, max_size=14).map(" ".join))
def test_masking_twice_is_masking_once(text: str) -> None:
    """Marks are never taken for personal data."""
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize("text", [
    "geboren am dritten fünften neunzehnhundert zweiundachtzig", "geboren am einundzwanzigsten märz 1990",
    "nacida el tres de mayo de mil novecientos ochenta y dos", "nasci em 3 de maio de 1982",
    "nasci em três de maio de mil novecentos e oitenta e dois",
])
def test_a_birth_in_words_of_other_languages_is_masked_whole(text: str) -> None:
    """German ordinals and hundreds, Spanish and Portuguese hundreds."""
    shown = mask(text)

    assert shown.endswith("[date]"), shown
