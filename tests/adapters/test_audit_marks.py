"""Files of marks, on a real disk."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from voiceguard.adapters.audit_marks import ForeignMark, Marks, NotAMark
from voiceguard.adapters.keys import Keys
from voiceguard.audit.checkpoint import Mark
from voiceguard.errors import ConfigurationError

MARK = Mark(3, "ab" * 32, 100.0, 2, 9)


def marks(folder: Path, witness: Path | None = None) -> Marks:
    """In this folder, with its own keys."""
    keys = Keys.open(folder)
    return Marks(folder, keys.sign, keys.verify, witness)


def test_keep_newer_mark_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    """Its file is for the owner alone, and no draft stays behind."""
    kept = marks(tmp_path)
    assert kept.newest() is None

    assert kept.keep(MARK) and kept.keep(replace(MARK, number=4))
    assert replace(MARK, number=4) == marks(tmp_path).newest()
    assert 0o600 == stat.S_IMODE(kept.path.stat().st_mode)
    assert {"audit-mark.json", "customer-data.key", "signing-key.json"} == {path.name for path in tmp_path.iterdir()}


def test_keep_older_mark_changes_nothing(tmp_path: Path) -> None:
    """A process that was slow does not take the mark back; an accepted restore does."""
    kept = marks(tmp_path)
    kept.keep(MARK)

    assert not kept.keep(replace(MARK, number=2)) and not kept.keep(MARK)
    assert MARK == kept.newest()
    assert kept.keep(replace(MARK, number=2), instead=True)
    assert 2 == kept.newest().number  # type: ignore[union-attr]


def test_witnessed_tells_the_last_of_all_marks(tmp_path: Path) -> None:
    """The witness's file only grows, however long it is."""
    kept = marks(tmp_path / "data", tmp_path / "witness")
    assert kept.witnessed() is None
    for number in range(1, 60):
        kept.keep(replace(MARK, number=number))

    assert 59 == kept.witnessed().number  # type: ignore[union-attr]
    assert list(range(1, 60)) == [mark.number for mark in kept.read(tmp_path / "witness")]


def test_newest_of_another_service_is_refused(tmp_path: Path) -> None:
    """Its signature is good, by another key."""
    marks(tmp_path / "other").keep(MARK)
    kept = marks(tmp_path / "data")
    kept.path.write_bytes((tmp_path / "other" / Marks.FILE).read_bytes())

    with pytest.raises(ForeignMark, match="checkpoint 3"):
        kept.newest()


def test_newest_damaged_file_is_refused(tmp_path: Path) -> None:
    """A file that holds no mark, and one that cannot be read."""
    kept = marks(tmp_path)
    kept.path.write_bytes(b"\xff")
    with pytest.raises(NotAMark):
        kept.newest()
    kept.path.unlink()
    kept.path.mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        kept.newest()
