"""Tables that people make: CSV as spreadsheets write it, with any of their separators and encodings."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from voiceguard.errors import ConfigurationError

_SEPARATORS: Final = (",", ";", "\t")
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def read_text(path: Path) -> str:
    """A text file in UTF-8 or UTF-16, with or without a byte order mark. Raises ConfigurationError for anything else,
    and for a file that cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if encoding is None:  # of text in a Latin script, every other byte of UTF-16 is 0
        encoding = "utf-16-le" if data[1:4:2] == b"\0\0" else "utf-16-be" if data[0:4:2] == b"\0\0" else "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path.name}: is neither UTF-8 nor UTF-16; save it as CSV UTF-8") from error


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV file whose columns are separated by commas, semicolons or tabs; each has every column of the head.

    Names of columns are stripped and in small letters; empty lines are left out. Raises ConfigurationError when the
    file cannot be read, or lacks one of `columns`.
    """
    text = read_text(path)
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep="):  # a hint to Excel
        text = rest
    missing = columns[0] if columns else ""
    for separator in _SEPARATORS:
        rows = _rows(path, text, separator)
        names = [name.strip().lower() for name in rows[0]] if rows else []
        lacking = [name for name in columns if name not in names]
        if not lacking:
            return [dict(zip(names, [*row, *[""] * (len(names) - len(row))], strict=False)) for row in rows[1:] if row]
        if len(lacking) < len(columns):
            missing = lacking[0]
    raise ConfigurationError(f"{path.name}: has no column {missing}")


def _rows(path: Path, text: str, separator: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise ConfigurationError(f"{path.name}: not a CSV file") from error
