"""Orders hidden in a transcript, aimed at whatever language model or agent reads it later.

Nothing in voiceguard obeys a transcript, so a hit changes no evidence: it is a fact that policy and people see. Text is
first brought to one form (NFKD, invisible signs and accents removed, look-alike letters folded), so that foreign
alphabets do not hide an order. English only; letters spelled one by one and paraphrases without an order's own words
are not recognised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from voiceguard.text import normal, words

MAX_CHARS = 16384
"""Text past this is not looked at. It would take a quarter of an hour to say; more than that is a finding itself."""

_WHO = (
    r"(?:all|any|every|of|and|the|these|those|this|that|your|previous|prior|above|earlier|preceding|other|existing"
    r"|current|original|initial|system|safety|security)"
)
_POWER = r"(?:admin\w*|developer|debug|maintenance|god|sudo|root|superuser|jailbroken|unrestricted)"
_PROOF = r"(?:(?:one time )?(?:pass)?codes?|otp|verification|authentication|password|checks?|step ?up)"
_CALLER = r"(?:caller|customer|person|call|user|speaker|voice|identity)"
_TRUSTED = r"(?:verified|authenticated|trusted|genuine|whitelisted|safe)"

_PHRASES: Final[Mapping[str, str]] = {
    "override_instructions": (
        # "I forget the rules" tells, it does not order.
        r"(?<!\bi )\b(?:ignore|disregard|forget|override|overrule|bypass|do not follow|don't follow|stop following) (?:"
        rf"(?:{_WHO} ){{1,7}}(?:instructions?|rules?|prompts?|guidelines?|guardrails?|directives?|commands?)\b"
        rf"|(?:{_WHO} ){{0,4}}(?:your|system|safety|security|all) polic(?:y|ies)\b"
        r"|(?:everything|anything|all|whatever|what) (?:that )?you (?:were|have been|are) (?:told|taught|instructed)\b"
        r"|(?:(?:everything|anything|all|of|the) ){1,3}above\b)"
    ),
    "new_role": (
        rf"\byou are now (?:\w+ ){{0,3}}?(?:{_POWER}|dan|\w+ mode)\b"
        r"|\byou are now an? (?:\w+ ){{0,2}}(?:assistant|ai)\b"
        rf"|\bfrom now on you (?:are|act as|will be) (?:\w+ ){{0,3}}?{_POWER}\b"
        rf"|\byou are (?:an?|in) (?:\w+ )?{_POWER}(?: \w+)? now\b"
        r"|\b(?:act|behave|respond|operate|pretend) (?:(?:as|like|if|though|that|to|be|you|are|were|an?) ){1,6}"
        rf"(?:\w+ )?{_POWER}\b"
        rf"|\b(?:enter|enable|switch to|activate) {_POWER} mode\b"
    ),
    "waive_verification": (
        # "I cannot complete it without the code" asks for no exception.
        r"(?<!not )(?<!n't )(?<!cant )(?<!able to )"
        r"\b(?:approve|allow|grant|authori[sz]e|proceed|process|unlock|release|complete)(?: [\w']+){0,6}? (?:"
        rf"(?:without|with no) (?:(?:an?|any|the|further|more|asking|for) ){{0,4}}(?:fraud |security )?{_PROOF}\b"
        rf"|no {_PROOF} (?:is )?(?:needed|required|necessary)\b)"
        r"|\b(?:skip|disable|turn off|bypass|waive|override) (?:(?:the|all|any|your|this|every|further) ){0,3}"
        r"(?:(?:fraud|security|identity|voice|risk|caller|customer) ){0,2}"
        r"(?:verification|authentication|checks?|detection|step ?up|otp|code)\b"
        rf"|(?:^|\b(?:please|and|just|so|then) )(?:do not|don't|never) (?:ask|require|request) "
        r"(?!(?:[\w']+ ){0,3}my )"  # "please don't ask for my password again" is a customer's wish
        rf"(?:[\w']+ ){{0,2}}?(?:for )?(?:an? |any |the )?{_PROOF}\b"
    ),
    "set_verdict": (
        # A customer may well want "my risk profile" to be low; nobody's is zero.
        r"\b(?:set|make|change|reset|lower|force) (?:(?:the|this|your|caller|caller's|call|fraud) ){0,3}(?:risk|fraud)"
        r"(?: (?:score|level|band|rating|flag))? (?:to |as |is )?(?:zero|0|low|none|false)\b"
        r"|\b(?:set|make|change|reset) my (?:risk|fraud) (?:(?:risk|score|to) ){0,3}(?:zero|0|none)\b"
        rf"|\b(?:set|mark|flag|treat|make|consider) (?:(?:the|this|that) )?(?:{_CALLER}|me)"
        rf" (?:(?:as|to|is|be) )?{_TRUSTED}\b"
        rf"|\bthis {_CALLER} (?:is|has been) (?:(?:already|fully|hereby|now) )?{_TRUSTED}\b"
        r"|\brisk score is (?:now )?(?:zero|0)\b"
    ),
    "system_prompt": (
        r"\b(?:system|developer|hidden|initial) prompt\b"
        r"|\b(?:reveal|print|output|dump) (?:me )?your (?:\w+ )?(?:instructions|prompt|rules)\b"
    ),
}
"""Over `words`: what can be spoken."""
_MARKUP: Final[Mapping[str, str]] = {
    "role_marker": (
        r"<[|/]{0,2}(?:im_start|im_end|system|assistant|user|endoftext)\|?>|\[/?(?:INST|SYS|SYSTEM)\]|<</?SYS>>"
        r"|^[ \t]*#{2,6}[ \t]*(?:system|instructions?|assistant)\b|^[ \t]*(?:system|assistant|developer)[ \t]*:"
        r"|[\"']role[\"']\s*:\s*[\"'](?:system|assistant|developer|tool)\b|\bnew instructions?:"
    ),
    "tool_call": (
        r"[\"'](?:tool_calls?|function_call|tool_name|tool_use|arguments|decision|verdict)[\"']\s*:"
        r"|</?(?:tool_calls?|function_calls?|tool_use|function|invoke)\b[^<>]{0,80}>"
    ),
}
"""Over the text in one form: what nobody says, and no transcriber writes."""
_SPOKEN = {name: re.compile(pattern) for name, pattern in _PHRASES.items()}
_WRITTEN = {name: re.compile(pattern, re.IGNORECASE | re.MULTILINE) for name, pattern in _MARKUP.items()}


def screen(text: str) -> tuple[str, ...]:
    """Names of the rules that the text meets, in the tables' order; empty for ordinary speech.

    override_instructions, new_role, waive_verification, set_verdict, system_prompt, role_marker, tool_call, and
    oversized for text longer than MAX_CHARS.
    """
    plain = one_form(text)
    spoken = words(plain)
    return (
        *(name for name, pattern in _SPOKEN.items() if pattern.search(spoken)),
        *(name for name, pattern in _WRITTEN.items() if pattern.search(plain)),
        *(("oversized",) if len(text) > MAX_CHARS else ()),
    )


def one_form(text: str) -> str:
    """The text as the rules read it, followed by what it carries encoded."""
    kept = text[:MAX_CHARS]
    hidden = normal.decoded(kept)[:MAX_CHARS]
    return normal.one_form(f"{kept}\n{hidden}" if hidden else kept)
