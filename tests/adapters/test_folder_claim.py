"""A data folder is served by one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from voiceguard.adapters.folder_claim import claimed
from voiceguard.errors import ConfigurationError

HOLD = (
    "import sys\nfrom pathlib import Path\nfrom voiceguard.adapters.folder_claim import claimed\n"
    "with claimed(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
)


def test_second_process_is_refused_until_the_first_dies(tmp_path: Path) -> None:
    """Also when it is killed, for the lock is the system's."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert b"held\n" == holder.stdout.readline()
        with pytest.raises(ConfigurationError, match="another process serves"), claimed(tmp_path):
            pass
        holder.kill()
    with claimed(tmp_path):
        pass


def test_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened"), claimed(tmp_path / "gone"):
        pass
