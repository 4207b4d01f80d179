"""Commands of data protection: dataflow."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from voiceguard.cli.shared import new_command
from voiceguard.errors import ConfigurationError


def add(commands: Any) -> None:
    """The commands of this module."""
    flow = new_command(commands, "dataflow", _dataflow, "every field that is handled: class, purpose, where it goes")
    flow.add_argument("--format", choices=("json", "mermaid", "html", "markdown"), default="json")
    flow.add_argument("--diff", type=Path, metavar="FILE", help="an earlier map as JSON: print what differs instead")


def _dataflow(options: argparse.Namespace) -> bool:
    from voiceguard.privacy import dataflow, pictures
    from voiceguard.server.access.rules import seen_by

    found = list(dataflow.fields(seen_by()))
    whole = {"fields": [field.as_json() for field in found]}
    if options.diff is not None:
        lines = dataflow.differences(_earlier(options.diff), whole["fields"])
        print("\n".join(lines) or "nothing differs")
        return not lines
    made = {"mermaid": pictures.as_mermaid, "html": pictures.as_html, "markdown": pictures.as_markdown}
    print(json.dumps(whole, indent=1) if options.format == "json" else made[options.format](found).rstrip("\n"))
    return True


def _earlier(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["fields"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ConfigurationError(f"{path.name}: no data-flow map: {{\"fields\": [...]}} is expected") from None
