"""Nothing slow to import stands on the path of a live call, or of `--help`."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("librosa", "matplotlib", "ray", "duckdb")

SERVER = "import voiceguard.server.app, voiceguard.live.call, voiceguard.adapters.models.detectors"
HELP = """
from voiceguard.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
"""


@pytest.mark.parametrize("code", [SERVER, HELP], ids=["server", "help"])
def test_nothing_heavy_is_imported(code: str) -> None:
    """The packages of reports and of distributed replay stay out of the process."""
    report = f"\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.splitlines()[-1]
