"""`voiceguard backup`, `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import mistake, run


def test_backup_and_restore_are_a_pair(tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What was known is known again in another folder, and the audit of that verifies."""
    archive = tmp_path / "backup.tar"
    assert 0 == run("keys", "create", "platform", "--scope", "stream")
    assert 0 == run("backup", "--out", archive)
    assert 2 == run("restore", archive, "--by", "ann", "--reason", "moved")
    capsys.readouterr()

    monkeypatch.setenv("VOICEGUARD_DATA_DIR", str(tmp_path / "other"))
    assert 0 == run("restore", archive, "--by", "ann", "--reason", "moved")
    assert capsys.readouterr().out.startswith("restored and recorded; 0 open grants")
    assert 0 == run("keys", "list")
    assert capsys.readouterr().out.startswith("platform ")
    assert 0 == run("audit", "verify")
    assert "by ann: moved" in capsys.readouterr().out


def test_backup_of_postgres_names_the_way(tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, with the tool and what to keep."""
    monkeypatch.setenv("VOICEGUARD_DATABASE_URL", "postgresql+asyncpg://host/name")

    assert 2 == run("backup", "--out", tmp_path / "x")
    assert "pg_dump" in mistake(capsys)
