"""One archive of an installation on SQLite: database, keys and the audit's mark; and the way back from it."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy.engine import make_url

from voiceguard.adapters import private_files
from voiceguard.adapters.audit_marks import Marks
from voiceguard.adapters.keys import CUSTOMER_DATA, RETIRED, SIGNING
from voiceguard.errors import ConfigurationError, NothingThere
from voiceguard.settings import Settings

DATABASE: Final = "voiceguard.db"
"""The database's name in the archive, whatever it is on the disk."""
FILES: Final = (Marks.FILE, RETIRED, SIGNING, CUSTOMER_DATA)
"""What is kept of the data folder, besides."""
_NEEDED: Final = {DATABASE, SIGNING, CUSTOMER_DATA}


def back_up(settings: Settings, out: Path) -> None:
    """Write the archive, readable by its owner alone, while the service goes on.

    Raises ConfigurationError for another database than SQLite and for a file that is there, NothingThere without an
    installation, OSError.
    """
    database = database_path(settings)
    for path in (database, settings.data_dir / SIGNING, settings.data_dir / CUSTOMER_DATA):
        if not path.is_file():
            raise NothingThere(f"there is nothing to back up: {path.absolute()} is missing")
    if out.exists():
        raise ConfigurationError(f"{out} is there already, and stays as it is")
    with _folder_beside(out) as folder:
        # First the mark, which the database leads to from then on; the keys last, which read whatever it holds.
        _copy(settings.data_dir / Marks.FILE, folder)
        private_files.replace(folder / DATABASE, b"")
        source = f"file:{quote(str(database.absolute()))}?mode=ro"
        try:
            live, copy = sqlite3.connect(source, uri=True), sqlite3.connect(folder / DATABASE)
            with closing(live), closing(copy):
                live.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            raise ConfigurationError(f"{database} cannot be copied: {error.sqlite_errorname}") from None
        for name in FILES[1:]:
            _copy(settings.data_dir / name, folder)
        archive = folder / "archive"
        private_files.replace(archive, b"")
        with tarfile.open(archive, "w") as tar:
            for name in (DATABASE, *FILES):
                if (folder / name).exists():
                    tar.add(folder / name, name)
        with archive.open("rb") as written:
            os.fsync(written.fileno())
        try:
            os.link(archive, out)
        except FileExistsError:
            raise ConfigurationError(f"{out} is there already, and stays as it is") from None


def bring_back(settings: Settings, archive: Path) -> None:
    """Put the archive's files where the settings want them; all or none.

    The restore has to be accepted afterwards (`AuditSeal.accept_restore`). Raises ConfigurationError for a file that is
    no such archive and where there is an installation, OSError.
    """
    database, folder = database_path(settings), settings.data_dir
    places = {DATABASE: database, **{name: folder / name for name in FILES}}
    for path in (*places.values(), database.with_name(database.name + "-wal")):
        if path.exists():
            raise ConfigurationError(f"{path.absolute()} is there already: a restore needs an empty data_dir")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _folder_beside(folder / "restore") as draft:
        names = _unpack(archive, draft)
        with closing(sqlite3.connect(draft / DATABASE)) as copy:
            try:
                whole = copy.execute("PRAGMA quick_check").fetchone()[0] == "ok"
            except sqlite3.Error:
                whole = False
        if not whole:
            raise ConfigurationError(f"the database in {archive} is damaged")
        done: list[Path] = []
        try:
            for name in names:
                os.link(draft / name, places[name])
                done.append(places[name])
        except OSError:
            for path in done:
                path.unlink()
            raise


def database_path(settings: Settings) -> Path:
    """The SQLite file. Raises ConfigurationError for another database, and says how that is backed up."""
    url = make_url(settings.store_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise ConfigurationError(
            "this database is not SQLite: take pg_dump for it, and keep with each dump, made before it, "
            f"{', '.join(FILES)} of {settings.data_dir}; after pg_restore: voiceguard audit accept-restore"
        )
    return Path(url.database)


def _unpack(archive: Path, folder: Path) -> list[str]:
    try:
        with tarfile.open(archive, "r:") as tar:
            members = tar.getmembers()
            names = [member.name for member in members]
            if not (
                _NEEDED <= set(names) <= {DATABASE, *FILES} and len(names) == len(set(names))
                and all(member.isreg() for member in members)
            ):
                raise ConfigurationError(f"{archive} is no backup of voiceguard")
            for member in members:
                content = tar.extractfile(member)
                assert content is not None
                private_files.replace(folder / member.name, b"")
                with content, (folder / member.name).open("wb") as file:
                    shutil.copyfileobj(content, file)
                    file.flush()
                    os.fsync(file.fileno())
    except tarfile.TarError:
        raise ConfigurationError(f"{archive} is no backup of voiceguard") from None
    return names


def _copy(path: Path, folder: Path) -> None:
    if path.exists():
        private_files.replace(folder / path.name, path.read_bytes())


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """A private folder on the disk of this path, which is gone afterwards."""
    folder = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
