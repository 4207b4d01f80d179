"""Retention in the store: what is due is deleted in small transactions, held back by legal holds, and proved.

Of a deleted chain its count and last hash stay, as checkpoints need them, and a record in the service's own chain holds
the Merkle root of each batch: who deletes a chain by hand leaves no such proof.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import outcomes, pseudonyms
from voiceguard.adapters.store.audit_check import swept_root
from voiceguard.adapters.store.database import Database
from voiceguard.adapters.store.tables import (
    actions,
    audit_events,
    call_keys,
    calls,
    chain_heads,
    consents,
    customers,
    grants,
    heard_voices,
    holds,
    subjects,
    swept_chains,
    verdicts,
    voiceprints,
    watchlist,
)
from voiceguard.adapters.store.users import CHAIN, record_act
from voiceguard.privacy.retention import RetentionOptions

DAY_S = 86400.0
SWEPT = "retention"
"""`end_reason` of a call whose records are gone: its name, start and the chain's count and last hash stay."""
BATCH = 8
"""Calls of one transaction: no other writer waits for longer than that takes."""


@dataclass(frozen=True, slots=True)
class Due:
    """How many of one kind are due, and how many of these a hold keeps."""

    kind: str
    due: int
    held: int


class Retention:
    """Plans, sweeps and holds; `Store.retention`. Times are Unix seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def plan(self, options: RetentionOptions, now: float) -> list[Due]:
        """What a sweep would end now; it changes nothing."""
        async with self._database.read("plan retention") as connection:
            return [Due(kind, await _count(connection, table, where), await _count(connection, table, where & held))
                    for kind, (table, where, held) in _due(options, now).items()]

    async def sweep(self, options: RetentionOptions, now: float) -> dict[str, int]:
        """End one batch of what is due and not held; kind to how many, empty when nothing is left."""
        due = _due(options, now)
        async with self._database.write("sweep what is due") as connection:
            if swept := await _sweep_calls(connection, due["call"], now):
                return {"call": swept}
            ended = {"voiceprint": await _end_voiceprints(connection, due["voiceprint"], now),
                     "consent": await _delete_consents(connection, due["consent"], now)}
            found = {kind: number for kind, number in ended.items() if number}
            if found:
                await record_act(connection, now, "retention_ended", kinds=found)
        return found

    async def hold(
        self, *, reason: str, author: str, now: float, call_id: str | None = None, customer_ref: str | None = None
    ) -> str:
        """Keep a call, or a customer with all calls, from retention and erasure; returns the hold's id."""
        hold_id = secrets.token_hex(8)
        async with self._database.write("hold") as connection:
            subject = None if customer_ref is None else await pseudonyms.subject_of(
                connection, customer_ref, self._database.cipher_or_none
            )
            await connection.execute(insert(holds).values(
                hold_id=hold_id, call_id=call_id, customer=subject, reason=reason, author=author, at=now
            ))
            await record_act(connection, now, "hold_added", hold_id=hold_id, by=author)
        return hold_id

    async def release(self, hold_id: str, *, author: str, now: float) -> bool:
        """End a hold; False for one that there is not, or that has ended."""
        async with self._database.write("release a hold") as connection:
            changed = await connection.execute(update(holds).where(
                holds.c.hold_id == hold_id, holds.c.released_at.is_(None)
            ).values(released_at=now, released_by=author))
            if changed.rowcount:
                await record_act(connection, now, "hold_released", hold_id=hold_id, by=author)
        return changed.rowcount > 0

    async def holds(self) -> list[dict[str, Any]]:
        """Every hold there ever was, newest first."""
        query = select(holds, subjects.c.ref).outerjoin(subjects, subjects.c.subject == holds.c.customer)
        async with self._database.read("list holds") as connection:
            rows = (await connection.execute(query.order_by(holds.c.at.desc()))).mappings()
            return [{**{name: row[name] for name in row if name not in ("customer", "ref")}, "customer_ref": row["ref"]}
                    for row in rows]


_HELD_CALLS = select(holds.c.call_id).where(holds.c.released_at.is_(None), holds.c.call_id.is_not(None))
_HELD_SUBJECTS = select(holds.c.customer).where(holds.c.released_at.is_(None), holds.c.customer.is_not(None))
_HELD_REFS = select(subjects.c.ref).where(subjects.c.subject.in_(_HELD_SUBJECTS))
_VOICED_CALLS = union(select(voiceprints.c.call_id), select(watchlist.c.call_id), select(heard_voices.c.call_id))


def is_held(subject: str | None) -> Any:
    """A query that finds a row where a hold keeps this customer."""
    return select(holds.c.hold_id).where(holds.c.released_at.is_(None), holds.c.customer == subject).limit(1)


def _due(options: RetentionOptions, now: float) -> dict[str, tuple[Any, ColumnElement[bool], ColumnElement[bool]]]:
    """Kind to its table, what of it is due, and what of that a hold keeps."""
    over = func.coalesce(consents.c.withdrawn_at, consents.c.expires_at)
    return {
        "call": (
            calls,
            (calls.c.ended_at < now - DAY_S * options.call_days) & (calls.c.call_id != CHAIN)
            & calls.c.call_id.not_in(_VOICED_CALLS),
            calls.c.call_id.in_(_HELD_CALLS) | func.coalesce(calls.c.customer_ref, "").in_(_HELD_SUBJECTS),
        ),
        "voiceprint": (
            voiceprints,
            voiceprints.c.ended_at.is_(None) & (voiceprints.c.created_at < now - DAY_S * options.voiceprint_days),
            voiceprints.c.customer_ref.in_(_HELD_REFS) | voiceprints.c.call_id.in_(_HELD_CALLS),
        ),
        "consent": (
            consents, over < now - DAY_S * options.consent_days,
            func.coalesce(consents.c.customer, "").in_(_HELD_SUBJECTS)
            | func.coalesce(consents.c.call_id, "").in_(_HELD_CALLS),
        ),
    }


async def _count(connection: AsyncConnection, table: Any, where: ColumnElement[bool]) -> int:
    return int((await connection.execute(select(func.count()).select_from(table).where(where))).scalar_one())


async def _sweep_calls(connection: AsyncConnection, due: tuple[Any, Any, Any], now: float) -> int:
    _, where, held = due
    query = select(calls.c.call_id, calls.c.customer_ref).where(where, ~held).order_by(calls.c.ended_at).limit(BATCH)
    found = (await connection.execute(query)).all()
    if not found:
        return 0
    call_ids, sweep = [row.call_id for row in found], secrets.token_hex(16)
    heads = (await connection.execute(
        select(chain_heads.c.chain, chain_heads.c.count, chain_heads.c.hash).where(chain_heads.c.chain.in_(call_ids))
    )).all()
    rows = [{"chain": chain, "count": count, "hash": digest, "sweep": sweep} for chain, count, digest in heads]
    if rows:
        await connection.execute(insert(swept_chains), rows)
    for table, column in (
        (audit_events, audit_events.c.chain), (grants, grants.c.call_id), (actions, actions.c.call_id),
        (verdicts, verdicts.c.call_id), (call_keys, call_keys.c.call_id),
    ):
        await connection.execute(delete(table).where(column.in_(call_ids)))
    await outcomes.forget(connection, call_ids)
    blank = update(calls).where(calls.c.call_id.in_(call_ids))
    await connection.execute(blank.values(customer_ref=None, ended_at=None, end_reason=SWEPT))
    await _forget_subjects(connection, [row.customer_ref for row in found if row.customer_ref])
    await record_act(connection, now, "calls_swept", sweep=sweep, count=len(call_ids), root=swept_root(rows))
    return len(call_ids)


async def _forget_subjects(connection: AsyncConnection, named: list[str]) -> None:
    """The name and key of customers of whom nothing else is kept."""
    await connection.execute(delete(subjects).where(
        subjects.c.subject.in_(named),
        subjects.c.subject.not_in(select(calls.c.customer_ref).where(calls.c.customer_ref.in_(named))),
        subjects.c.subject.not_in(select(consents.c.customer).where(consents.c.customer.in_(named))),
        subjects.c.subject.not_in(select(holds.c.customer).where(holds.c.customer.in_(named))),
        subjects.c.ref.not_in(select(customers.c.ref)),
    ))


async def _end_voiceprints(connection: AsyncConnection, due: tuple[Any, Any, Any], now: float) -> int:
    _, where, held = due
    refs = list((await connection.execute(
        select(voiceprints.c.customer_ref).where(where, ~held).limit(BATCH)
    )).scalars())
    if refs:
        theirs = voiceprints.c.customer_ref.in_(refs) & voiceprints.c.ended_at.is_(None)
        await connection.execute(update(voiceprints).where(theirs).values(
            embedding=None, ended_at=now, ended_by="voiceguard", end_reason="retention"
        ))
        await connection.execute(update(customers).where(customers.c.ref.in_(refs)).values(data_key=None))
    return len(refs)


async def _delete_consents(connection: AsyncConnection, due: tuple[Any, Any, Any], now: float) -> int:
    _, where, held = due
    ids = select(consents.c.consent_id).where(where, ~held).limit(BATCH)
    found = list((await connection.execute(ids)).scalars())
    if found:
        await connection.execute(delete(consents).where(consents.c.consent_id.in_(found)))
    return len(found)


