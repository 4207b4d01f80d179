"""The outbox: what subscribers are to be told, written in the transaction of what happened."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import and_, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store.database import Database
from voiceguard.adapters.store.tables_out import outbox, webhooks
from voiceguard.events.published import cut, told
from voiceguard.events.tenants import own_name, tenant_of

BACK_OFF_S: Final = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""Waits between tries; after the last a message is dead: three days and a half (Standard Webhooks, "Retries")."""
CLAIM_S: Final = 60.0
"""A process has its messages for so long; then another may send them. Longer than any turn of the sender."""


@dataclass(frozen=True)
class Message:
    """What is to be sent."""

    delivery_id: int
    webhook_id: str
    message_id: str
    call_id: str
    body: str
    tries: int


@dataclass(frozen=True)
class Tried:
    """What came of one try. Neither status nor cause: it was not tried."""

    message: Message
    status: int | None = None
    cause: str | None = None
    is_last: bool = False
    """Whether no other try follows, whatever came of it."""

    @property
    def state(self) -> str:
        """Of the message, afterwards."""
        if self.status is not None and self.cause is None:
            return "delivered"
        is_last = self.is_last or self.message.tries >= len(BACK_OFF_S)
        return "dead" if self.cause is not None and is_last else "waiting"


class Outbox:
    """Gives out what is due, in order per subscriber and call, and keeps what came of it; `Store.outbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, webhook_id: str, now: float, limit: int) -> list[Message]:
        """Take a subscriber's messages that are due, oldest first, for `CLAIM_S`. Behind one that waits for its next
        try, or that another process has, no later one of its call is due."""
        earlier = outbox.alias()
        is_blocked = exists(select(earlier.c.delivery_id).where(and_(
            earlier.c.webhook_id == outbox.c.webhook_id, earlier.c.call_id == outbox.c.call_id,
            earlier.c.state == "waiting", earlier.c.delivery_id < outbox.c.delivery_id, earlier.c.next_at > now,
        )))
        columns = [outbox.c[name] for name in Message.__dataclass_fields__]
        due = (
            select(*columns)
            .where(outbox.c.webhook_id == webhook_id, outbox.c.state == "waiting", outbox.c.next_at <= now, ~is_blocked)
            .order_by(outbox.c.delivery_id).limit(limit)
        )
        async with self._database.read("look for messages") as connection:
            if (await connection.execute(due.limit(1))).one_or_none() is None:
                return []
        async with self._database.write("claim messages") as connection:
            if connection.dialect.name == "postgresql":
                # Two processes that claim at once would each see the other's messages as due.
                await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('voiceguard outbox'))")
            messages = [Message(**row) for row in (await connection.execute(due)).mappings()]
            claimed = [message.delivery_id for message in messages]
            await connection.execute(
                update(outbox).where(outbox.c.delivery_id.in_(claimed)).values(next_at=now + CLAIM_S)
            )
        return messages

    async def settle(self, tried: Sequence[Tried], now: float) -> None:
        """Keep what came of messages that were claimed."""
        async with self._database.write("keep deliveries") as connection:
            for one in tried:
                values: dict[str, Any] = {"next_at": now}
                if one.status is not None or one.cause is not None:
                    tries = one.message.tries
                    values |= {"tries": tries + 1, "status": one.status, "cause": one.cause, "state": one.state}
                    if one.state == "waiting":
                        values["next_at"] = now + BACK_OFF_S[tries]
                    else:
                        values["ended_at"] = now
                await connection.execute(
                    update(outbox).where(outbox.c.delivery_id == one.message.delivery_id).values(**values)
                )

    async def add_test(self, webhook_id: str, type_: str, now: float) -> Message:
        """A message of no call, which is claimed already."""
        async with self._database.write("make a message") as connection:
            row = _row(webhook_id, "", type_, {}, now) | {"next_at": now + CLAIM_S}
            made = await connection.execute(insert(outbox).values(**row).returning(outbox.c.delivery_id))
            return Message(made.scalar_one(), webhook_id, row["message_id"], "", row["body"], 0)

    async def replay(self, webhook_id: str, now: float, since: float | None = None) -> int:
        """Send dead messages again, or, with `since`, everything from then on; how many."""
        which = outbox.c.state == "dead" if since is None else (
            (outbox.c.state != "waiting") & (outbox.c.at >= since)
        )
        async with self._database.write("replay messages") as connection:
            changed = await connection.execute(update(outbox).where(outbox.c.webhook_id == webhook_id, which).values(
                state="waiting", next_at=now, tries=0, ended_at=None
            ))
            return changed.rowcount

    async def deliveries(self, webhook_id: str, limit: int = 100) -> list[dict[str, Any]]:
        """Messages to one subscriber, newest first, without their bodies."""
        columns = [column for column in outbox.c if column.name not in ("webhook_id", "body")]
        query = select(*columns).where(outbox.c.webhook_id == webhook_id)
        async with self._database.read("list deliveries") as connection:
            rows = await connection.execute(query.order_by(outbox.c.delivery_id.desc()).limit(limit))
            return [dict(row) for row in rows.mappings()]

    async def counts(self) -> dict[str, dict[str, int]]:
        """Of each subscriber, how many messages are in each state."""
        query = select(outbox.c.webhook_id, outbox.c.state, func.count()).group_by(outbox.c.webhook_id, outbox.c.state)
        found: dict[str, dict[str, int]] = {}
        async with self._database.read("count messages") as connection:
            for webhook_id, state, count in await connection.execute(query):
                found.setdefault(webhook_id, {})[state] = count
        return found

    async def forget(self, ended_before: float) -> None:
        """Delete messages that arrived, or were given up, before then."""
        async with self._database.write("delete old messages") as connection:
            await connection.execute(delete(outbox).where(outbox.c.ended_at < ended_before))


async def publish(connection: AsyncConnection, chain: str, records: Iterable[Mapping[str, Any]]) -> None:
    """Put what records of a call tell into the outbox, for each subscriber of the call's tenant."""
    if chain.startswith("~"):
        return
    events = [(*event, record["at"]) for record in records if (event := told(record)) is not None]
    await tell(connection, tenant_of(chain), chain, events)


async def tell(
    connection: AsyncConnection, tenant: str, call_id: str, events: Sequence[tuple[str, Mapping[str, Any], float]]
) -> None:
    """Put events (type, data, Unix seconds) into the outbox, for each subscriber of the tenant; `call_id` empty: of no
    call."""
    if not events:
        return
    query = select(webhooks.c.webhook_id, webhooks.c.events, webhooks.c.fields).where(webhooks.c.tenant == tenant)
    subscribers = (await connection.execute(query)).all()
    named: dict[str, Any] = {"call_id": own_name(call_id)} if call_id else {}
    rows = [
        _row(webhook_id, call_id, type_, cut({**named, **data}, None if fields is None else fields.split()), at)
        for webhook_id, wanted, fields in subscribers for type_, data, at in events if type_ in wanted.split()
    ]
    if rows:
        await connection.execute(insert(outbox), rows)


def _row(webhook_id: str, call_id: str, type_: str, data: Mapping[str, Any], at: float) -> dict[str, Any]:
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return {
        "webhook_id": webhook_id, "message_id": f"msg_{secrets.token_hex(16)}", "call_id": call_id, "type": type_,
        "body": json.dumps({"type": type_, "timestamp": moment, "data": dict(data)}), "at": at, "state": "waiting",
        "next_at": at, "tries": 0,
    }
