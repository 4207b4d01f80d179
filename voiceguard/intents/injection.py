"""Orders hidden in a transcript, aimed at whatever language model or agent reads it later.

Nothing in voiceguard obeys a transcript, so a hit changes no evidence: it is a fact that policy and people see. Text is
first brought to one form (NFKC, format characters removed, look-alike letters folded), so that invisible characters and
foreign alphabets do not hide an order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

MAX_CHARS = 4000
"""Text past this is not looked at; the codec's limit on a transcript is far lower than what an order needs to hide."""

_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһкмтвнАВЕКМНОРСТХІЈЅαοερικτυν",
    "aeopcyxijsdhkmtbhABEKMHOPCTXIJSaoepiktuv",
)
_WHO = r"(?:previous|prior|above|earlier|preceding|all|any|your|the|other|system|safety|these|those)"
_PROOF = r"(?:code|otp|verification|authentication|(?:fraud )?checks?|step.?up|password|confirmation)"
_RULES: Final[Mapping[str, str]] = {
    "override_instructions": (
        rf"\b(?:ignore|disregard|forget|override|bypass|do not follow|stop following)\W+(?:{_WHO}\W+){{1,4}}"
        r"(?:instructions?|rules?|prompts?|polic(?:y|ies)|guidelines?|directions?|commands?)\b"
    ),
    "new_role": (
        r"\byou are now\W+(?:\w+\W+){0,4}?(?:mode|admin\w*|developer|system|assistant|dan|jailbroken|unrestricted)\b"
        r"|\b(?:act|behave|pretend|respond) as (?:if you (?:are|were)|an? (?:admin\w*|system|developer|unrestricted))\b"
        r"|\b(?:enter|enable|switch to|activate) (?:developer|admin\w*|debug|god|maintenance) mode\b"
    ),
    "waive_verification": (
        r"\b(?:approve|allow|grant|authori[sz]e|proceed|process|unlock|complete)\b(?:\W+\w+){0,6}?\W+"
        rf"without (?:an? |any |the |further |asking )*{_PROOF}\b"
        rf"|\b(?:skip|disable|turn off|bypass|waive)\W+(?:\w+\W+){{0,3}}?{_PROOF}\b"
    ),
    "set_verdict": (
        r"\b(?:set|mark|make|change|reset)\W+(?:\w+\W+){0,3}?(?:risk|fraud|score|caller|verification)\W+(?:\w+\W+){0,3}?"
        r"(?:zero|0|low|none|verified|genuine|trusted|safe)\b"
        r"|\bthis (?:caller|customer|person|call) (?:is|has been) (?:already |fully |hereby )?"
        r"(?:verified|authenticated|trusted|whitelisted)\b"
    ),
    "system_prompt": (
        r"\b(?:system|developer|hidden|initial) prompt\b|\breveal (?:your|the) (?:instructions|prompt|rules)\b"
    ),
    "role_marker": (
        r"<\|?/?(?:im_start|im_end|system|assistant|user|endoftext)\|?>|\[/?(?:INST|SYS|SYSTEM)\]|<</?SYS>>"
        r"|(?:^|\n)\s*#{2,}\s*(?:system|instruction|assistant)\b|(?:^|\n)\s*(?:system|assistant)\s*:"
    ),
    "tool_call": r"\"(?:tool_calls?|function_call|tool_name)\"\s*:|</?(?:tool_call|function_call|tool_use)\b",
}
_COMPILED = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _RULES.items()}


def screen(text: str) -> tuple[str, ...]:
    """Names of the rules that the text meets, in the table's order; empty for ordinary speech."""
    plain = _plain(text[:MAX_CHARS])
    return tuple(name for name, pattern in _COMPILED.items() if pattern.search(plain))


def _plain(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text)
    return "".join(sign for sign in normal if unicodedata.category(sign) != "Cf").translate(_LOOKALIKES)
