"""Opening a database, and its faults told without a value, on real SQLite files."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from tests.adapters.store.helpers import ALLOW, NOTE, STEP_UP, accept, decide, dump, on, one_call, rows, sql, url
from voiceguard.adapters.store import Store, StoreError, database
from voiceguard.errors import ConfigurationError


def test_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The folder is made 0700 and the file 0600."""
    path = tmp_path / "data" / "v.db"
    on(path, lambda store: store.calls.list())

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_open_an_empty_file_at_once(tmp_path: Path) -> None:
    """Two processes may start together: the tables are made once."""
    async def run() -> None:
        async def start() -> None:
            async with Store.open(url(tmp_path / "v.db")) as store:
                await store.calls.list()

        await asyncio.gather(*(start() for _ in range(4)))

    asyncio.run(run())


def test_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """A database whose migrations are unknown here is left alone."""
    on(tmp_path / "v.db", lambda store: store.calls.list())
    sql(tmp_path / "v.db", "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StoreError):
        on(tmp_path / "v.db", lambda store: store.calls.list())


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Another file is told as such and not changed."""
    path = tmp_path / "v.db"
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    before = path.read_bytes()

    with pytest.raises(StoreError, match="SQLITE_NOTADB"):
        on(path, lambda store: store.calls.list())
    assert path.read_bytes() == before


@pytest.mark.parametrize("bad", ["", "nonsense", "sqlite:///v.db", "nosuchdb+driver://secret@host/db"])
def test_bad_url_is_the_operators_fault(bad: str) -> None:
    """A URL that names no async driver is refused, and never quoted: it may hold a password."""
    async def run() -> None:
        async with Store.open(bad):
            pass

    with pytest.raises(ConfigurationError) as refusal:
        asyncio.run(run())
    assert "secret" not in str(refusal.value)


def test_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "data").write_text("")

    with pytest.raises(StoreError):
        on(tmp_path / "data" / "v.db", lambda store: store.calls.list())


@asynccontextmanager
async def small_disk(path: Path) -> AsyncIterator[Store]:
    """A store whose file may grow by only a few pages."""
    async with Store.open(url(path)) as store:
        await one_call(store)
        [(pages,)] = rows(path, "PRAGMA page_count")

        @event.listens_for(store.database.engine.sync_engine, "begin")
        def _limit(connection: Any) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")

        yield store


def test_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """When the disk is full the write fails whole, and the chain still verifies."""
    path = tmp_path / "v.db"

    async def run() -> Any:
        async with small_disk(path) as store:
            before = dump(path)
            with pytest.raises(StoreError, match="SQLITE_FULL") as fault:
                await store.calls.append("call-1", [NOTE | {"text": 2000 * "secret"} for _ in range(20)])
            with pytest.raises(StoreError, match="SQLITE_FULL"):
                await decide(store, replace(ALLOW, action_id="a2", rule=50_000 * "r", accepted_totp_step=None))
            return before, str(fault.value), (await store.audit.verify(accept, now=0.0)).faults

    before, text, faults = asyncio.run(run())
    assert dump(path) == before
    assert "secret" not in text
    assert faults == []


def test_locked_database_is_a_store_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program that holds the write lock too long makes a fault, and reading goes on."""
    monkeypatch.setattr("voiceguard.adapters.store.database.BUSY_MS", 10)
    path = tmp_path / "v.db"
    on(path, one_call)

    async def use(store: Store) -> Any:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="SQLITE_BUSY"):
                await decide(store, STEP_UP)
            return await store.calls.find("call-1")

    assert on(path, use)["call_id"] == "call-1"


def test_fault_text_holds_no_value(tmp_path: Path) -> None:
    """A broken constraint is told by its kind, not by the row."""
    async def use(store: Store) -> str:
        await one_call(store)
        with pytest.raises(StoreError) as fault:
            await decide(store, replace(ALLOW, action_id="a2", accepted_totp_step=None))
        return str(fault.value)

    text = on(tmp_path / "v.db", use)
    assert text == "the store could not record a decision: IntegrityError SQLITE_CONSTRAINT_PRIMARYKEY"


def test_writers_behind_one_that_found_the_database_locked_do_not_wait_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them waits for the lock; the others are told at once, and later ones try again."""
    monkeypatch.setattr(database, "BUSY_MS", 50)

    async def run() -> tuple[list[str], bool]:
        async with Store.open(url(tmp_path / "v.db")) as store:
            with closing(sqlite3.connect(tmp_path / "v.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                said = await asyncio.gather(
                    *(store.customers.upsert(f"customer-{number}") for number in range(5)), return_exceptions=True
                )
                other.execute("ROLLBACK")
            monkeypatch.setattr(store.database, "_down_until", 0.0)
            await store.customers.upsert("customer-9")
            found = await store.customers.find("customer-9")
            return sorted(str(error).partition(": ")[2] for error in said), found is not None

    said, works = asyncio.run(run())
    assert (["OperationalError SQLITE_BUSY", *["it did not take the write before"] * 4], True) == (said, works)


@pytest.mark.parametrize("replaced", [False, True])
def test_database_whose_file_is_gone_takes_nothing(tmp_path: Path, replaced: bool) -> None:
    """What went into a file without a name would be lost with the process."""
    async def run() -> None:
        async with Store.open(url(tmp_path / "v.db")) as store:
            (tmp_path / "v.db").rename(tmp_path / "elsewhere.db")
            if replaced:
                (tmp_path / "v.db").touch()
            for use in (store.customers.upsert("customer-1"), store.customers.find("customer-1")):
                with pytest.raises(StoreError, match="removed or replaced"):
                    await use

    asyncio.run(run())
