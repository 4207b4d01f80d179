"""Commands run as a user runs them, for the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from voiceguard.cli import main

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "policies" / "default.yaml"
SAMPLES = ROOT / "samples"


def run(*arguments: object) -> int:
    """Run a command; its exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def mistake(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr that says what is wrong."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("voiceguard: ")
    return line
