"""Data folders with keys, marks and a database of three calls, for the tests of the audit."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.adapters.store.helpers import ENDED, NOTE, STARTED, one_call
from voiceguard.adapters.audit_seal import AuditSeal, audit_seal
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store
from voiceguard.audit.chain import genesis, link
from voiceguard.settings import AuditOptions, Settings


def settings(folder: Path, **audit: Any) -> Settings:
    """Of an installation in this folder."""
    return Settings(data_dir=folder, audit=AuditOptions(**audit))


def sealed(options: Settings, use: Callable[[Store, AuditSeal], Awaitable[Any]]) -> Any:
    """What `use` gives on the installation's store and seal."""
    async def run() -> Any:
        keys = Keys.open(options.data_dir)
        async with Store.open(options.store_url, cipher=keys.cipher) as store, audit_seal(options, store, keys) as seal:
            return await use(store, seal)

    return asyncio.run(run())


async def three_calls(store: Store, seal: AuditSeal) -> None:
    """call-1 with a grant that was redeemed, call-2 over two checkpoints, call-3 and a key in the last one."""
    await one_call(store)
    await store.decisions.redeem_grant("jti-1", 130.0)
    await store.calls.append("call-2", [STARTED | {"call_id": "call-2"}, NOTE, NOTE | {"ms": 40.0}])
    await seal.checkpoint(170.0)
    await store.calls.append("call-2", [NOTE | {"ms": 60.0}, ENDED])
    await seal.checkpoint(200.0)
    await store.api_keys.create("platform", ["stream"], by="ann", now=210.0)
    await one_call(store, "call-3", "jti-3")
    await seal.checkpoint(230.0)


def attack(folder: Path, *statements: str) -> None:
    """Statements of somebody who may write the database, and cares for no rule of it."""
    with closing(sqlite3.connect(folder / "voiceguard.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            connection.execute(statement)


def link_anew(folder: Path, chain: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Rewrite a chain, every link and its head right."""
    with closing(sqlite3.connect(folder / "voiceguard.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        found = connection.execute("SELECT record FROM audit_events WHERE chain = ? ORDER BY seq", (chain,)).fetchall()
        connection.execute("DELETE FROM audit_events WHERE chain = ?", (chain,))
        previous, count = genesis(chain), 0
        for count, record in enumerate(change([record for (record,) in found]), 1):
            previous = link(previous, record)
            connection.execute("INSERT INTO audit_events VALUES (?, ?, ?, ?)", (chain, count - 1, record, previous))
        connection.execute(
            "UPDATE chain_heads SET count = ?, hash = ? WHERE chain = ?", (count, previous, chain)
        )
