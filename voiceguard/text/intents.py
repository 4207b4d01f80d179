"""Which actions a caller's sentence sounds like. Informs people; the policy acts only on actions that are asked for.

Works on what transcribers give: any case, with or without punctuation. Negation is not understood: "I don't want a
refund" sounds like a refund, and a person sees the words. English only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from voiceguard.text import words

MAX_CHARS = 4000
"""Text past this is not looked at."""

_CHANGE = r"(?:chang(?:e|ing)|updat(?:e|ing)|correct(?:ing)?|edit|replac(?:e|ing)|new|different|moved)"
_RESET = r"(?:reset(?:ting)?|forgot|forgotten|remember|lost|chang(?:e|ing)|new)"
_STOP = r"(?:lift|release|remove|cancel|take off|unfreeze|unblock|resume)"
_GAP = r"(?: [\w']+){0,4} "
"""Up to four words in between."""

_PATTERNS: Final[Mapping[str, str]] = {
    "balance_enquiry": rf"balance|how much{_GAP}(?:account|left|owe)",
    "order_status": (
        rf"(?:where(?:'s)?|status|track|tracking|has){_GAP}(?:order|parcel|package|delivery)(?! number)|order status"
    ),
    "branch_hours": (
        r"(?:opening|branch|business|office|what are your) hours|(?:what time|when)(?: [\w']+){0,3} (?:open|close)"
        r"|are you open"
    ),
    "account_recovery": (
        rf"(?:recover|get back into|locked out of|regain access|lost access|unlock"
        rf"|can(?:no|')?t (?:get|log) ?in(?:to)?){_GAP}(?:account|profile|online|banking)"
        r"|account recovery|can(?:no|')?t (?:log|sign) ?in"
    ),
    "password_reset": rf"{_RESET}{_GAP}(?:password|passcode|pin)|(?:password|pin) reset",
    "mfa_reset": (
        rf"(?:reset|lost|new|remove|replace|chang(?:e|ing)){_GAP}"
        r"(?:authenticator|two factor|second factor|2 ?fa|m ?f ?a|security key)"
    ),
    "address_change": rf"{_CHANGE}{_GAP}(?<!mail )address(?! book)|moved house|moved to a new (?:house|flat|apartment)",
    "phone_change": rf"{_CHANGE}{_GAP}(?:phone|telephone|mobile|cell)(?! (?:plan|tariff|contract))|new number",
    "email_change": rf"{_CHANGE}{_GAP}e ?mail",
    "payment": (
        rf"(?:mak(?:e|ing)|send(?:ing)?|pay(?:ing)?|transfer(?:ring)?|wir(?:e|ing)){_GAP}"
        r"(?:payment|money|invoice|supplier|bill|funds|dollars|pounds|euros?)"
    ),
    "refund": r"refund(?:ed)?|money back|reimburse(?:d|ment)?",
    "payee_add": rf"(?:add(?:ing)?|new|set ?up|register){_GAP}(?:payee|beneficiary|recipient)",
    "plan_change": (
        rf"(?:chang(?:e|ing)|upgrad(?:e|ing)|downgrad(?:e|ing)|switch|cancel|different){_GAP}"
        r"(?:plan|tariff|subscription|contract)|different (?:plan|tariff|subscription|contract)"
    ),
    "hold_place": (
        r"(?:put|place|set) (?!me |us )(?:[\w']+ ){0,4}(?:hold|block|freeze)"
        rf"|(?:freeze|block|pause|stop){_GAP}(?:card|account)"
    ),
    "hold_release": rf"{_STOP}{_GAP}(?:hold|block|freeze)|unfreeze|unblock",
}
_ABOUT: Final[Mapping[str, re.Pattern[str]]] = {
    "payment": re.compile(
        r"\b(?:fees?|charged?|charging|costs?|free|declined|rejected|pending|send me|money to me|exchange rates?)\b"
    ),
}
"""Words by which a sentence speaks about an action, without asking for it."""
_COMPILED = {action: re.compile(rf"\b(?:{pattern})\b") for action, pattern in _PATTERNS.items()}


def recognise(text: str) -> tuple[str, ...]:
    """Actions that the text sounds like, in the order of the table; empty when it sounds like none."""
    heard = words(text[:MAX_CHARS])
    return tuple(
        action for action, pattern in _COMPILED.items()
        if pattern.search(heard) and not (action in _ABOUT and _ABOUT[action].search(heard))
    )
