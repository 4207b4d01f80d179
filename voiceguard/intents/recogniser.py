"""Which actions a caller's sentence sounds like. Informs people; the policy acts only on actions that are asked for.

Works on what transcribers give: any case, with or without punctuation. Negation is not understood: "I don't want a
refund" sounds like a refund, and a person sees the words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

MAX_CHARS = 4000
"""Text past this is not looked at."""

_CHANGE = r"(?:change|update|correct|edit|replace|new|different|moved)"
_STOP = r"(?:lift|release|remove|cancel|take off|unfreeze|unblock|resume)"
_GAP = r"(?:\W+\w+){0,4}\W+"
"""Up to four words in between."""

_PATTERNS: Final[Mapping[str, str]] = {
    "balance_enquiry": rf"balance|how much{_GAP}(?:account|left|owe)",
    "order_status": rf"(?:where|status|track|tracking){_GAP}(?:order|parcel|package|delivery)|order status",
    "branch_hours": r"(?:opening|branch|business|office) hours|(?:what time|when)(?:\W+\w+){0,3}\W+(?:open|close)",
    "account_recovery": (
        rf"(?:recover|get back into|locked out of|regain access|can ?n[o']t (?:get|log) ?in){_GAP}"
        r"(?:account|profile|online|banking)|account recovery"
    ),
    "password_reset": (
        rf"(?:reset|forgot|forgotten|lost|change|new){_GAP}(?:password|passcode|pin)|(?:password|pin) reset"
    ),
    "mfa_reset": (
        rf"(?:reset|lost|new|remove|replace|change){_GAP}"
        r"(?:authenticator|two factor|second factor|2fa|mfa|security key)"
    ),
    "address_change": rf"{_CHANGE}{_GAP}(?:postal |home |mailing |billing )?address(?!\W+book)|moved house",
    "phone_change": rf"{_CHANGE}{_GAP}(?:phone|telephone|mobile|cell)(?: number)?",
    "email_change": rf"{_CHANGE}{_GAP}e ?-?mail",
    "payment": (
        rf"(?:make|send|pay|transfer|wire){_GAP}(?:payment|money|invoice|supplier|bill|funds|dollars|pounds|euros?)"
    ),
    "refund": r"refund|money back|reimburse",
    "payee_add": rf"(?:add|new|set ?up|register){_GAP}(?:payee|beneficiary|recipient)",
    "plan_change": rf"(?:change|upgrade|downgrade|switch|cancel){_GAP}(?:plan|tariff|subscription|contract)",
    "hold_release": rf"{_STOP}{_GAP}(?:hold|block|freeze)|unfreeze|unblock",
    "hold_place": rf"(?:put|place|set){_GAP}(?:hold|block|freeze)|(?:freeze|block|stop){_GAP}(?:card|account)",
}
_COMPILED = {action: re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE) for action, pattern in _PATTERNS.items()}


def recognise(text: str) -> tuple[str, ...]:
    """Actions that the text sounds like, in the order of the table; empty when it sounds like none."""
    heard = text[:MAX_CHARS].replace("’", "'").replace("e-mail", "email")
    return tuple(action for action, pattern in _COMPILED.items() if pattern.search(heard))
