"""TEXT -> INTENTS: what a transcript asks for, what it must not carry on, and what it must not command."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words(text: str) -> str:
    """The text's words in lower case with one space between them, as a transcriber without punctuation gives them.

    A pattern over it needs no `\\W+`, whose neighbours make matching slow on hostile text.
    """
    return " ".join(_WORD.findall(text.lower().replace("’", "'")))
