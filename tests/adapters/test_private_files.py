"""Files that their owner alone may read."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from voiceguard.adapters import private_files
from voiceguard.errors import ConfigurationError


def test_replace_leaves_the_new_content_for_its_owner_alone(tmp_path: Path) -> None:
    """Whoever had the old file open reads the old content on; no draft stays."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o644)
    with path.open("rb") as before:
        private_files.replace(path, b"new")
        assert (b"old", b"new") == (before.read(), private_files.read(path))
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(tmp_path.iterdir())


def test_replace_that_fails_leaves_the_old_content_and_no_draft(tmp_path: Path) -> None:
    """A folder stands where the file should be."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "inside").touch()

    with pytest.raises(OSError):
        private_files.replace(tmp_path / "a", b"new")
    assert [tmp_path / "a"] == list(tmp_path.iterdir())


def test_read_or_make_keeps_what_is_there(tmp_path: Path) -> None:
    """The first content wins."""
    path = tmp_path / "a"

    assert b"1" == private_files.read_or_make(path, lambda: b"1")
    assert b"1" == private_files.read_or_make(path, lambda: b"2")


def test_read_refuses_a_file_that_others_may_read(tmp_path: Path) -> None:
    """Any right for group or others."""
    path = tmp_path / "a"
    path.write_bytes(b"x")
    path.chmod(0o640)

    with pytest.raises(ConfigurationError, match="others"):
        private_files.read(path)
