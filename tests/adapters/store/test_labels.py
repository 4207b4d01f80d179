"""Verdicts in the store, on real SQLite files."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.adapters.store.helpers import STARTED, on
from voiceguard.adapters.store import Store, StoreError

CIPHER = Fernet(Fernet.generate_key())


def using(folder: Path, use: Callable[[Store], Awaitable[Any]], cipher: Fernet = CIPHER) -> Any:
    """What `use` gives on a store with one call."""
    async def run(store: Store) -> Any:
        if await store.calls.find("call-1") is None:
            await store.calls.append("call-1", [STARTED])
        return await use(store)

    return on(folder / "v.db", run, cipher)


async def give(
    store: Store, verdict: Any = "fraud", call_id: str = "call-1", note: str = "sang the bank's jingle"
) -> bool:
    return await store.labels.add(call_id, verdict, author="ann", note=note, at=2.0)


def test_verdicts_stand_beside_each_other_newest_first(tmp_path: Path) -> None:
    """A second verdict does not change the first."""
    async def use(store: Store) -> list[dict[str, Any]]:
        assert [await give(store), await give(store, "genuine", note="")] == [True, True]
        return await store.labels.list(call_id="call-1")

    assert [("genuine", "ann", ""), ("fraud", "ann", "sang the bank's jingle")] == [
        (row["verdict"], row["author"], row["note"]) for row in using(tmp_path, use)
    ]


def test_the_note_lies_encrypted_and_the_record_says_who(tmp_path: Path) -> None:
    """The chain holds the verdict without the note, and still verifies."""
    async def use(store: Store) -> Any:
        await give(store)
        verified = await store.audit.verify(lambda body, signature: True, now=0.0)
        return (await store.calls.events("call-1"))[-1], verified.faults

    record, faults = using(tmp_path, use)
    assert {"kind": "verdict", "at": 2.0, "verdict": "fraud", "author": "ann"} == record
    assert [] == faults
    assert b"jingle" not in b"".join(path.read_bytes() for path in tmp_path.glob("v.db*"))


def test_unknown_call(tmp_path: Path) -> None:
    """Nothing is kept of a call that never was."""
    async def use(store: Store) -> Any:
        return await give(store, call_id="call-2"), await store.labels.list()

    assert (False, []) == using(tmp_path, use)


def test_a_note_of_another_key_is_a_fault(tmp_path: Path) -> None:
    """Without the key that sealed a note nobody reads it."""
    using(tmp_path, give)

    with pytest.raises(StoreError, match="another key"):
        using(tmp_path, lambda store: store.labels.list(), Fernet(Fernet.generate_key()))
    with closing(sqlite3.connect(tmp_path / "v.db")) as connection:
        assert 1 == connection.execute("SELECT count(*) FROM verdicts").fetchone()[0]
