"""What a guard may cost: CEL ends always, but comprehensions in comprehensions end after any time."""

from __future__ import annotations

import re

MAX_NESTED = 2
"""Comprehensions within each other."""
MAX_COMPREHENSIONS = 4
MAX_ELEMENTS = 100
"""Of all lists and maps that a guard writes out. Those that come with a call have at most 32."""
_TOKEN = re.compile(
    r"""(?P<text>[rRbB]*(?:'''(?:\\.|[^\\])*?'''|\"{3}(?:\\.|[^\\])*?\"{3}|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"))"""
    r"""|(?P<macro>\.\s*(?:all|exists|exists_one|map|filter|existsOne|transformList|transformMap|sortBy)\s*\()"""
    r"""|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<comma>,)""", re.DOTALL,
)


def why_dear(when: str) -> str | None:
    """Why a guard may take too long, in words; None for one that cannot.

    Within these limits a guard takes at most some 10,000 steps: a few milliseconds.
    """
    opened: list[str] = []
    comprehensions = elements = 0
    for token in _TOKEN.finditer(when):
        kind = token.lastgroup
        if kind in ("macro", "open"):
            opened.append("macro" if kind == "macro" else token.group())
            comprehensions += kind == "macro"
            if opened.count("macro") > MAX_NESTED:
                return f"more than {MAX_NESTED} comprehensions (all, exists, map, filter) within each other"
        elif kind == "close" and opened:
            opened.pop()
        elif kind == "comma" and opened and opened[-1] in "[{":
            elements += 1
    if comprehensions > MAX_COMPREHENSIONS:
        return f"more than {MAX_COMPREHENSIONS} comprehensions (all, exists, map, filter)"
    if elements > MAX_ELEMENTS:
        return f"more than {MAX_ELEMENTS} elements of lists and maps"
    return None
