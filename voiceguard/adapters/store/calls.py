"""Calls, the records of their chains, and the receipts of their decisions.

One chain per call id. A call id that a platform uses again after its call ended goes on with the same chain: another
`started` record follows, and the call's row shows the latest start.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import chains, consents, outcomes, pseudonyms
from voiceguard.adapters.store.database import Database
from voiceguard.adapters.store.tables import actions, audit_events, calls
from voiceguard.adapters.store.users import CHAIN
from voiceguard.audit.chain import Entry, genesis
from voiceguard.audit.receipt import receipt


class Calls:
    """Writes records to calls' chains and reads calls back; `Store.calls`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(
        self, call_id: str, records: Sequence[Mapping[str, Any]], *, after: int | None = None
    ) -> bool:
        """Add records, each with `kind` and `at`, to the call's chain: all of them or none.

        The first record ever of a call is of kind `started`, with its `customer_ref`; `customer_named` has one too,
        and `ended` a `reason`. `after`: only if the chain has so many records; whether they were added.
        """
        if records:
            async with self._database.write("append records") as connection:
                if after is not None and await chains.length(connection, call_id) != after:
                    return False
                hidden = await pseudonyms.hide_all(connection, call_id, records, self._database.cipher_or_none)
                await chains.append(connection, call_id, hidden)
                await outcomes.group(connection, call_id, records)
                for record in hidden:
                    await consents.restate(connection, call_id, record)
        return True

    async def list(self, limit: int = 100, tenant: str | None = None) -> builtins.list[dict[str, Any]]:
        """Calls of a tenant, or of all, newest first: their row and, in `actions`, the latest decision on each action.
        """
        async with self._database.read("list calls") as connection:
            real = select(calls).where(calls.c.call_id != CHAIN)
            if tenant is not None:
                real = real.where(calls.c.tenant == tenant)
            found = await _with_actions(connection, real.order_by(calls.c.started_at.desc()).limit(limit))
            return await pseudonyms.show(connection, found, self._database.cipher_or_none)

    async def find(self, call_id: str) -> dict[str, Any] | None:
        """One call as `list` gives it; None for an unknown one."""
        async with self._database.read("read a call") as connection:
            found = await _with_actions(connection, select(calls).where(calls.c.call_id == call_id))
            found = await pseudonyms.show(connection, found, self._database.cipher_or_none)
        return found[0] if found else None

    async def events(self, call_id: str) -> builtins.list[dict[str, Any]]:
        """The call's records, in order."""
        async with self._database.read("read a call's records") as connection:
            records = [json.loads(entry.record) for entry in await _entries(connection, call_id)]
            return await pseudonyms.show(connection, records, self._database.cipher_or_none)

    async def receipts(self, call_id: str) -> builtins.list[dict[str, Any]]:
        """A receipt for every decision of the call, in order; see `voiceguard.audit.receipt`."""
        async with self._database.read("read a call's receipts") as connection:
            entries = await _entries(connection, call_id)
        before = [genesis(call_id), *(entry.hash for entry in entries)]
        return [
            receipt(entry, previous) for entry, previous in zip(entries, before, strict=False)
            if json.loads(entry.record)["kind"] == "decision"
        ]

    async def ids(self, after: str = "", limit: int = 500) -> builtins.list[str]:
        """The next calls in the order of their ids, for reading all of them."""
        query = select(calls.c.call_id).where(calls.c.call_id > after).order_by(calls.c.call_id).limit(limit)
        async with self._database.read("list calls") as connection:
            return list((await connection.execute(query)).scalars())


async def _entries(connection: AsyncConnection, call_id: str) -> list[Entry]:
    query = select(audit_events).where(audit_events.c.chain == call_id).order_by(audit_events.c.seq)
    return [Entry(row.chain, row.seq, row.record, row.hash) for row in await connection.execute(query)]


async def _with_actions(connection: AsyncConnection, query: Select[Any]) -> list[dict[str, Any]]:
    found = [{**row, "actions": []} for row in (await connection.execute(query)).mappings()]
    by_id = {call["call_id"]: call["actions"] for call in found}
    decided = select(actions).where(actions.c.call_id.in_(by_id)).order_by(actions.c.at)
    for row in (await connection.execute(decided)).mappings():
        by_id[row["call_id"]].append({name: value for name, value in row.items() if name != "call_id"})
    return found
