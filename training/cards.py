"""Write generated parts of a model card between marks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write(card: Path, parts: Mapping[str, str]) -> None:
    """Put each part between ``<!-- name -->`` and ``<!-- /name -->``, where the card has such marks."""
    text = card.read_text()
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        if begin in text:
            before, _, rest = text.partition(begin)
            text = before + begin + part + "\n" + end + rest.partition(end)[2]
    card.write_text(text)
