"""Masks over several turns of both channels: a number said in pieces, and the bare answer to a question for one.

Pure: media time comes with each turn, and nothing of a turn is kept but what its end looked like.
"""

from __future__ import annotations

import re
from typing import Final

from voiceguard.text import numerals
from voiceguard.text.pii import mask

WINDOW_S = 20.0
"""How long a turn may be followed by the rest of a number, seconds."""
_ASKED: Final = re.compile(
    r"\b(?:card|account|phone|telephone|mobile|security|social|customer|pin|code|digits|number|birth|postcode|cvv|nummer|"
    r"geburtsdatum|karte|numéro|carte|naissance|número|tarjeta|clave|nacimiento|cartão|senha|nambar|kartennummer)\b",
    re.IGNORECASE,
)
_NAME_ASKED: Final = re.compile(
    r"\b(?:your|full|last|first|the) (?:full |last |first )?(?:name|surname)\b|who am i (?:speaking|talking)|ihr name|"
    r"votre nom|su nombre|seu nome|aapka naam", re.IGNORECASE,
)
_BARE_NAME: Final = re.compile(r"^\W*(?:(?:it's|it is|yes|sure|this is) )?[^\W\d_]+(?:[ '-][^\W\d_]+){0,2}\W*$")
_NOT_A_NAME: Final = frozenset(
    ("yes", "no", "sure", "okay", "ok", "what", "why", "sorry", "pardon", "hello", "hi",
     "thanks", "hold", "wait", "can", "could", "i", "is", "it", "the", "not", "please", "one")
)


class Turns:
    """The masker of one call: `mask` takes its turns in order."""

    def __init__(self) -> None:
        self._number_until = self._name_until = float("-inf")

    def mask(self, text: str, at_s: float) -> str:
        """The turn, masked by itself and by what was said in the seconds before, on either channel."""
        shown = mask(text)
        if at_s <= self._number_until:
            shown = _mask_short(shown)
        if at_s <= self._name_until and _BARE_NAME.match(text) and not _NOT_A_NAME & set(text.lower().split()):
            shown = "[name]"
        self._number_until = at_s + WINDOW_S if _opens_number(text, shown) else self._number_until
        self._name_until = at_s + WINDOW_S if _NAME_ASKED.search(text[:400]) else float("-inf")
        return mask(shown)


def _opens_number(text: str, shown: str) -> bool:
    """Whether more of a number may follow: one was asked for, one was masked, or the turn ends with number words."""
    tail = text[-60:]
    ends = any(
        run.end() >= len(tail.rstrip(" .,!?-")) and numerals.size(run[0]) >= 2
        for pattern in numerals.RUNS.values() for run in pattern.finditer(tail)
    )
    return ends or "[number]" in shown or "[card]" in shown or bool(_ASKED.search(text[:400]))


def _mask_short(text: str) -> str:
    """Runs of two digits or number words and more, which a number in pieces is said in."""
    for pattern in numerals.RUNS.values():
        text = pattern.sub(lambda run: "[number]" if numerals.size(run[0]) >= 2 else run[0], text)
    return text
