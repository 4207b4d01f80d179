"""Records on the end of a chain, inside somebody's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import outbox, outcomes
from voiceguard.adapters.store.audit_check import action_row, call_row
from voiceguard.adapters.store.database import Refused, StoreError, put
from voiceguard.adapters.store.tables import actions, audit_events, calls, chain_heads
from voiceguard.audit.chain import genesis, link
from voiceguard.audit.record import canonical
from voiceguard.events.tenants import tenant_of


async def append(connection: AsyncConnection, chain: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Put records, each with `kind` and `at`, on the end of a chain; the first one ever is of kind `started`. What
    they tell subscribers goes into the outbox.

    Raises StoreError for a chain that has not started, and for what has no canonical form.
    """
    query = select(chain_heads.c.count, chain_heads.c.hash).where(chain_heads.c.chain == chain).with_for_update()
    head = (await connection.execute(query)).one_or_none()
    if head is None and records[0]["kind"] != "started":
        raise StoreError("the call's start is not recorded, so nothing else of it can be")
    count, previous = head or (0, genesis(chain))
    rows = []
    for seq, record in enumerate(records, count):
        body = _canonical(record)
        previous = link(previous, body)
        rows.append({"chain": chain, "seq": seq, "record": body, "hash": previous})
        if record["kind"] in ("started", "customer_named", "ended"):
            await put(connection, calls, {"call_id": chain}, {**call_row(record), "tenant": tenant_of(chain)})
        elif record["kind"] == "decision":
            await put(connection, actions, {"call_id": chain, "action_id": record["action_id"]}, action_row(record))
    await connection.execute(insert(audit_events), rows)
    await put(connection, chain_heads, {"chain": chain}, {"count": count + len(rows), "hash": previous})
    for record in records:
        await outcomes.restate(connection, chain, record)
    await outbox.publish(connection, chain, records)


async def length(connection: AsyncConnection, chain: str) -> int:
    """How many records a chain has; until the transaction ends nobody adds one."""
    query = select(chain_heads.c.count).where(chain_heads.c.chain == chain).with_for_update()
    return (await connection.execute(query)).scalar_one_or_none() or 0


def _canonical(record: Mapping[str, Any]) -> bytes:
    try:
        return canonical(record)
    except ValueError:
        raise Refused("this record has no canonical form") from None
