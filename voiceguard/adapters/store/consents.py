"""The consent ledger in the store. Chains hold every change; the table restates them for quick reading."""

from __future__ import annotations

import builtins
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, delete, false, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import chains, pseudonyms
from voiceguard.adapters.store.database import Database, StoreError
from voiceguard.adapters.store.tables import calls, consents, customers, heard_voices, subjects, voiceprints
from voiceguard.adapters.store.users import record_act
from voiceguard.errors import ConfigurationError
from voiceguard.privacy.consent import PURPOSES, Consent, Standing, standing


class Consents:
    """Keeps who agreed to what; `Store.consents`. Times are Unix seconds.

    A consent is of a call, of a customer, or of both. Raises ConfigurationError for a purpose that there is not.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def give(
        self, purpose: str, *, source: str, wording: str, author: str, now: float, customer_ref: str | None = None,
        call_id: str | None = None, expires_at: float | None = None,
    ) -> str:
        """Record a consent; returns its id. Raises StoreError for an unknown call."""
        record = given(purpose, source=source, wording=wording, author=author, expires_at=expires_at)
        async with self._database.write("record a consent") as connection:
            await self._append(connection, record, customer_ref, call_id, now)
        return str(record["consent_id"])

    async def withdraw(
        self, purpose: str, *, source: str, author: str, reason: str, now: float, customer_ref: str | None = None,
        call_id: str | None = None,
    ) -> None:
        """Withdraw a purpose of a customer or call, whether it was agreed to before or not: it is an objection too.

        What was kept for the purpose is erased in the same transaction. Raises StoreError for an unknown call.
        """
        record = withdrawn(purpose, source=source, author=author, reason=reason)
        async with self._database.write("withdraw a consent") as connection:
            await self._append(connection, record, customer_ref, call_id, now)

    async def find(self, consent_id: str) -> dict[str, Any] | None:
        """One entry as `list` gives it; None for an unknown one."""
        found = await self._read(consents.c.consent_id == consent_id, 1)
        return found[0] if found else None

    async def list(
        self, *, customer_ref: str | None = None, call_id: str | None = None, limit: int = 100
    ) -> list[dict[str, Any]]:
        """Entries of a customer, of a call, or of everybody, newest first."""
        where: ColumnElement[bool] = consents.c.consent_id.is_not(None)
        if customer_ref is not None:
            where = consents.c.customer.in_(select(subjects.c.subject).where(subjects.c.ref == customer_ref))
        if call_id is not None:
            where = where & (consents.c.call_id == call_id)
        return await self._read(where, limit)

    async def standing(self, customer_ref: str | None, call_id: str | None, now: float) -> Standing:
        """What a caller agrees to now."""
        async with self._database.read("read consents") as connection:
            named = select(subjects.c.subject).where(subjects.c.ref == customer_ref)
            subject = (await connection.execute(named)).scalar_one_or_none()
            return await _standing(connection, _theirs(call_id, subject), call_id, now)

    async def moved_since(self, since: float) -> builtins.list[tuple[str, str | None, str | None]]:
        """(id and time of the change, call, customer) of entries that were withdrawn since then, or given elsewhere
        than on the call's stream."""
        moved = or_(consents.c.withdrawn_at >= since, (consents.c.given_at >= since) & (consents.c.source != "stream"))
        query = select(
            consents.c.consent_id, consents.c.withdrawn_at, consents.c.call_id, subjects.c.ref
        ).outerjoin(subjects, subjects.c.subject == consents.c.customer).where(moved)
        async with self._database.read("follow consents") as connection:
            return [(f"{row[0]} {row[1]}", row[2], row[3]) for row in await connection.execute(query)]

    async def _append(
        self, connection: AsyncConnection, record: Mapping[str, Any], customer_ref: str | None, call_id: str | None,
        now: float,
    ) -> None:
        subject = None
        if customer_ref is not None:
            subject = await pseudonyms.subject_of(connection, customer_ref, self._database.cipher_or_none)
        if call_id is None:
            await record_act(connection, now, record["kind"], **{
                **{name: value for name, value in record.items() if name != "kind"}, "customer_ref": subject,
            })
        else:
            known = await connection.execute(select(calls.c.call_id).where(calls.c.call_id == call_id))
            if known.one_or_none() is None:
                raise StoreError("this call is unknown")
            await chains.append(connection, call_id, [{"at": now, **record}])
        await restate(connection, call_id, {"at": now, **record}, subject)

    async def _read(self, where: ColumnElement[bool], limit: int) -> builtins.list[dict[str, Any]]:
        query = select(consents, subjects.c.ref).outerjoin(subjects, subjects.c.subject == consents.c.customer)
        async with self._database.read("read consents") as connection:
            rows = await connection.execute(query.where(where).order_by(consents.c.given_at.desc()).limit(limit))
            return [{**{name: row[name] for name in row if name not in ("customer", "ref")}, "customer_ref": row["ref"]}
                    for row in rows.mappings()]


def given(
    purpose: str, *, source: str, wording: str, author: str, expires_at: float | None = None
) -> dict[str, Any]:
    """The record of a consent, less its time. Raises ConfigurationError for an unknown purpose."""
    return {
        "kind": "consent_given", "consent_id": secrets.token_hex(16), "purpose": check(purpose), "source": source,
        "wording": wording, "author": author, "expires_at": expires_at,
    }


def withdrawn(purpose: str, *, source: str, author: str, reason: str) -> dict[str, Any]:
    """The record of a withdrawal, less its time. Raises ConfigurationError for an unknown purpose."""
    return {
        "kind": "consent_withdrawn", "purpose": check(purpose), "source": source, "author": author, "reason": reason,
    }


def check(purpose: str) -> str:
    """The purpose itself. Raises ConfigurationError for one that there is not."""
    if purpose not in PURPOSES:
        raise ConfigurationError(f"unknown purpose of consent: there are {', '.join(PURPOSES)}")
    return purpose


async def restate(
    connection: AsyncConnection, call_id: str | None, record: Mapping[str, Any], subject: str | None = None
) -> None:
    """Put into the table what a record of a chain says, and erase what a withdrawal ends. `subject`: of the customer;
    None: the call's own."""
    if record["kind"] not in ("consent_given", "consent_withdrawn", "customer_named"):
        return
    if record["kind"] == "customer_named":
        await connection.execute(
            update(consents).where(consents.c.call_id == call_id).values(customer=record["customer_ref"])
        )
        return
    if subject is None and call_id is not None:
        query = select(calls.c.customer_ref).where(calls.c.call_id == call_id)
        subject = (await connection.execute(query)).scalar_one_or_none()
    now, purpose = record["at"], record["purpose"]
    entry = {
        "consent_id": record.get("consent_id") or secrets.token_hex(16), "purpose": purpose,
        "source": record["source"], "wording": record.get("wording", ""), "author": record["author"], "given_at": now,
        "expires_at": record.get("expires_at"), "call_id": call_id, "customer": subject,
    }
    if record["kind"] == "consent_withdrawn":
        ended = {"withdrawn_at": now, "withdrawn_by": record["author"]}
        changed = await connection.execute(update(consents).where(
            _theirs(call_id, subject), consents.c.purpose == purpose, consents.c.withdrawn_at.is_(None)
        ).values(**ended))
        await _erase(connection, purpose, subject, record)
        if changed.rowcount:
            return
        entry |= ended
    await connection.execute(insert(consents).values(**entry))


async def resting_on(connection: AsyncConnection, call_id: str, now: float) -> list[dict[str, str]]:
    """The consents that are in force on a call, for its decisions' records: purpose and id."""
    query = select(calls.c.customer_ref).where(calls.c.call_id == call_id)
    subject = (await connection.execute(query)).scalar_one_or_none()
    stands = await _standing(connection, _theirs(call_id, subject), call_id, now)
    return [{"purpose": purpose, "consent_id": stands.given[purpose]} for purpose in sorted(stands.given)]


async def _standing(
    connection: AsyncConnection, where: ColumnElement[bool], call_id: str | None, now: float
) -> Standing:
    columns = [consents.c[name] for name in Consent.__slots__]
    rows = await connection.execute(select(*columns).where(where))
    return standing((Consent(**row) for row in rows.mappings()), call_id, now)


def _theirs(call_id: str | None, subject: str | None) -> ColumnElement[bool]:
    """Entries of this call or customer; of nobody, where neither is named."""
    wanted: list[ColumnElement[bool]] = [false()]
    if call_id is not None:
        wanted.append(consents.c.call_id == call_id)
    if subject is not None:
        wanted.append(consents.c.customer == subject)
    return or_(*wanted)


async def _erase(
    connection: AsyncConnection, purpose: str, subject: str | None, record: Mapping[str, Any]
) -> None:
    """What was kept for this purpose alone."""
    ref = select(subjects.c.ref).where(subjects.c.subject == subject).scalar_subquery()
    if purpose == "enrol":
        await connection.execute(update(voiceprints).where(
            voiceprints.c.customer_ref == ref, voiceprints.c.ended_at.is_(None)
        ).values(embedding=None, ended_at=record["at"], ended_by=record["author"], end_reason="consent withdrawn"))
        await connection.execute(update(customers).where(customers.c.ref == ref).values(data_key=None))
    elif purpose == "link":
        await connection.execute(delete(heard_voices).where(heard_voices.c.customer_ref == ref))

