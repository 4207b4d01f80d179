"""What the security documents name exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_NAMED = re.compile(r"`(tests/[\w/]+(?:\.py)?/?)(?:::(\w+))?`")


def _named(document: str) -> list[tuple[str, str]]:
    return _NAMED.findall((ROOT / document).read_text(encoding="utf-8"))


def test_tests_that_the_security_documents_name_exist() -> None:
    """Every file, and every function in it."""
    missing = []
    for document in ("docs/threat-model.md", "docs/asvs.md"):
        named = _named(document)
        assert len(named) > 5
        for path, function in named:
            place = ROOT / path
            functions = {
                node.name for node in ast.walk(ast.parse(place.read_text(encoding="utf-8")))
                if isinstance(node, ast.FunctionDef)
            } if place.is_file() else set()
            if not place.exists() or (function and function not in functions):
                missing.append(f"{document}: {path}::{function}")

    assert [] == missing


def test_every_threat_has_a_test() -> None:
    """No line of the tables stands without one."""
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| attack ")]

    assert [] == [line for line in lines if not _NAMED.search(line)]
    assert len(lines) > 20
