"""Results as files that people can read and compare: one line a condition, four digits, the commit of the models."""

from __future__ import annotations

import json
import subprocess
from typing import Any

_DIGITS = 4


def as_lines(report: Any, levels: int, indent: int = 0) -> str:
    """JSON whose outer `levels` of objects are spread over lines; what lies deeper takes one line each."""
    if levels == 0 or not isinstance(report, dict) or not report:
        return json.dumps(_rounded(report), separators=(", ", ": "))
    pad = " " * (indent + 1)
    rows = [f"{pad}{json.dumps(name)}: {as_lines(part, levels - 1, indent + 1)}" for name, part in report.items()]
    return "{\n" + ",\n".join(rows) + "\n" + " " * indent + "}"


def commit() -> str:
    """The commit that lies beneath the working tree."""
    return subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return value
