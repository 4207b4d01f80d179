"""An installation is backed up while it runs, and brought back on record."""

from __future__ import annotations

import asyncio
import io
import stat
import tarfile
from pathlib import Path

import pytest

from tests.adapters.installations import sealed, settings, three_calls
from tests.adapters.store.helpers import one_call
from voiceguard.adapters.audit_seal import AuditSeal
from voiceguard.adapters.audit_verify import Installation, verify_installation
from voiceguard.adapters.backup import back_up, bring_back
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.restore import Closed
from voiceguard.errors import ConfigurationError, NothingThere

NOW = 240.0


def verified(folder: Path, since: Path | None = None) -> Installation:
    """As `voiceguard audit verify` does it."""
    return asyncio.run(verify_installation(settings(folder), since, NOW + 1.0))


def accept(folder: Path) -> Closed:
    """As `voiceguard restore` does it after the files are there."""
    closed: Closed = sealed(settings(folder), lambda _, seal: seal.accept_restore(
        by="ann", reason="the disk broke", now=NOW, is_copy=True
    ))
    return closed


def test_restore_revokes_open_grants_and_the_audit_stays_whole(tmp_path: Path) -> None:
    """A grant that was spent after the backup is none after the restore; the record says who and why, and a mark that
    was kept elsewhere shows what was lost."""
    source, target, archive, kept = (tmp_path / name for name in ("data", "new", "backup.tar", "marks"))

    async def spend(store: Store, seal: AuditSeal) -> bool:
        back_up(settings(source), archive)  # while the store is open
        spent = await store.decisions.redeem_grant("jti-3", 235.0)
        mark = await seal.checkpoint(236.0)
        assert mark is not None
        kept.write_text(seal.marks.line(mark))
        return spent

    sealed(settings(source), three_calls)
    assert sealed(settings(source), spend)
    assert 0o600 == stat.S_IMODE(archive.stat().st_mode)
    assert {"data", "backup.tar", "marks"} == {path.name for path in tmp_path.iterdir()}

    bring_back(settings(target), archive)
    closed = accept(target)
    assert 1 == closed.grants
    assert not sealed(settings(target), lambda store, _: store.decisions.redeem_grant("jti-3", 245.0))
    found = verified(target)
    assert ([], ["the disk broke"]) == (found.seen.faults, [one["reason"] for one in found.seen.restored])
    (fault,) = verified(target, kept).seen.faults
    assert "a restore was accepted" in fault.text
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in target.iterdir() if path.is_file())
    sealed(settings(target), lambda store, _: one_call(store, "call-9", "jti-9"))


def test_restore_overwrites_nothing(tmp_path: Path) -> None:
    """Neither an installation nor a single file of one; nor does a backup another one."""
    sealed(settings(tmp_path / "data"), three_calls)
    archive = tmp_path / "backup.tar"
    back_up(settings(tmp_path / "data"), archive)
    before = archive.read_bytes()

    with pytest.raises(ConfigurationError, match="already"):
        back_up(settings(tmp_path / "data"), archive)
    with pytest.raises(ConfigurationError, match="empty data_dir"):
        bring_back(settings(tmp_path / "data"), archive)
    (tmp_path / "half").mkdir(mode=0o700)
    (tmp_path / "half" / "audit-mark.json").touch()
    with pytest.raises(ConfigurationError, match="empty data_dir"):
        bring_back(settings(tmp_path / "half"), archive)
    assert ["audit-mark.json"] == [path.name for path in (tmp_path / "half").iterdir()]
    assert before == archive.read_bytes()


def test_backup_needs_an_installation_on_sqlite(tmp_path: Path) -> None:
    """An empty folder has none; for PostgreSQL the message names the tool and every file to keep."""
    with pytest.raises(NothingThere):
        back_up(settings(tmp_path / "nothing"), tmp_path / "out")
    other = settings(tmp_path).model_copy(update={"database_url": "postgresql+asyncpg://host/name"})
    with pytest.raises(ConfigurationError, match=r"pg_dump.*audit-mark\.json.*signing-key\.json.*accept-restore"):
        back_up(other, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("names", [
    ["voiceguard.db"], ["../outside"], ["voiceguard.db", "signing-key.json", "customer-data.key", "/etc/other"],
    ["voiceguard.db", "signing-key.json", "customer-data.key", "signing-key.json"],
    ["voiceguard.db", "signing-key.json", "customer-data.key"],
])
def test_restore_takes_nothing_but_a_backup(tmp_path: Path, names: list[str]) -> None:
    """Too little, paths out of the folder, foreign and doubled names, and a database that is none."""
    archive = tmp_path / "x.tar"
    with tarfile.open(archive, "w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 3
            tar.addfile(member, io.BytesIO(b"bad"))

    with pytest.raises(ConfigurationError):
        bring_back(settings(tmp_path / "data"), archive)
    assert [] == list((tmp_path / "data").iterdir())
    assert {"x.tar", "data"} == {path.name for path in tmp_path.iterdir()}


def test_restore_refuses_links_and_other_files(tmp_path: Path) -> None:
    """A link in an archive would write elsewhere; a text is no archive."""
    archive = tmp_path / "x.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("voiceguard.db", "signing-key.json", "customer-data.key"):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(member)
    with pytest.raises(ConfigurationError, match="no backup"):
        bring_back(settings(tmp_path / "data"), archive)
    archive.write_text("text")
    with pytest.raises(ConfigurationError, match="no backup"):
        bring_back(settings(tmp_path / "data"), archive)
