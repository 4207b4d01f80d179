"""`score text`: a table of texts in, what was read out of each as a table out."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from voiceguard.errors import ConfigurationError
from voiceguard.text.reader import Reader, read_text

COLUMNS = ("text_id", "actions", "injection", "rules", "masked", "leaks", "error")
MAX_BYTES = 65536


def score_texts(manifest: Path, out: Path, reader: Reader, direction: str, facts: Path | None) -> None:
    """Write one row for each row of the manifest, in order; a row that cannot be read gets its error as text."""
    known = read_facts(facts) if facts else []
    texts = list(_texts(manifest))
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for number, text in enumerate(texts, 1):
            writer.writerow({"text_id": number, **_row(text, reader, direction, known)})


def _row(text: str | None, reader: Reader, direction: str, facts: list[str]) -> dict[str, Any]:
    if text is None:
        return {"error": "the row has no text"}
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        return {"error": f"the text has more than {MAX_BYTES} bytes"}
    found = read_text(reader, direction, text, facts)
    return {
        "actions": "|".join(found.actions), "injection": int(bool(found.rules)), "rules": "|".join(found.rules),
        "masked": found.masked.encode("utf-8", "replace").decode(), "leaks": "|".join(found.leaks),
    }


def _texts(manifest: Path) -> Iterator[str | None]:
    csv.field_size_limit(sys.maxsize)
    with manifest.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.DictReader(line.replace("\0", "\ufffd") for line in file)
        if "text" not in (reader.fieldnames or ()):
            raise ConfigurationError(f"{manifest.name}: there is no column text")
        try:
            for row in reader:
                yield row["text"]
        except csv.Error as error:
            raise ConfigurationError(f"{manifest.name}: {error}") from error


def read_facts(path: Path) -> list[str]:
    """The facts of a JSON list, or the values of an object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigurationError(f"{path.name}: it is not JSON") from error
    listed = list(found.values()) if isinstance(found, dict) else found
    if not isinstance(listed, list) or not all(isinstance(fact, str | int | float) for fact in listed):
        raise ConfigurationError(f"{path.name}: a list of values is expected, or an object of them")
    return [str(fact) for fact in listed]
