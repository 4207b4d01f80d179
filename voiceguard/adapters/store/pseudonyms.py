"""Customers as the audit knows them: under names that mean nothing any more once a customer is erased.

Records are chained and signed, so nothing can be taken out of them. What they hold of a customer is a random name, and
what platforms and people said of the call in words is encrypted with a key of the call's own (`call_words`). Names and
keys stand in tables: erasing their rows erases the customer from every record, and every hash and signature stays good.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import RowMapping, delete, insert, select, union, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import call_words, chains, grants
from voiceguard.adapters.store.database import StoreError
from voiceguard.adapters.store.tables import (
    call_keys,
    calls,
    customers,
    heard_voices,
    holds,
    sent_codes,
    subjects,
    verdicts,
    voiceprints,
    wrong_codes,
)
from voiceguard.text.pii import mask

PREFIX = "subject:"


async def hide(connection: AsyncConnection, record: Mapping[str, Any], cipher: Any) -> dict[str, Any]:
    """The record with random names in place of customers'; its words are not looked at."""
    hidden = dict(record)
    if record.get("customer_ref") is not None:
        hidden["customer_ref"] = (await _subject(connection, record["customer_ref"], cipher))["subject"]
    if record.get("grant") is not None:
        row = await _subject(connection, record["grant"]["customer_ref"], cipher)
        hidden["grant"] = {**record["grant"], "customer_ref": row["subject"]}
    return hidden


async def hide_all(
    connection: AsyncConnection, call_id: str, records: Iterable[Mapping[str, Any]], cipher: Any
) -> list[dict[str, Any]]:
    """A call's records as they are chained: with random names, and their words sealed.

    Without a `cipher` nothing can be sealed, and the words are left out.
    """
    hidden = []
    for record in records:
        named = await hide(connection, record, cipher)
        hidden.append(await call_words.seal(connection, call_id, named, cipher))
    return hidden


async def show(connection: AsyncConnection, records: Iterable[Mapping[str, Any]], cipher: Any) -> list[dict[str, Any]]:
    """The records, or rows with a `customer_ref`, as they came; None in place of a customer who was erased."""
    shown = [dict(record) for record in records]
    named = {name for record in shown for name in (record.get("customer_ref"), _granted(record)) if name}
    found = await connection.execute(select(subjects).where(subjects.c.subject.in_(named)))
    rows = {row["subject"]: row for row in found.mappings()}
    for record in shown:
        row = rows.get(record.get("customer_ref"))
        metadata = record.get("metadata") or {}
        if metadata.keys() == {"sealed"}:  # as it was before calls had keys of their own
            record["metadata"] = {} if row is None else _open(metadata["sealed"], row["key"], cipher)
        if record.get("customer_ref") is not None:
            record["customer_ref"] = _ref(record["customer_ref"], row)
        if (granted := _granted(record)) is not None:
            record["grant"] = {**record["grant"], "customer_ref": _ref(granted, rows.get(granted))}
    return await call_words.unseal(connection, shown, cipher)


async def erase(connection: AsyncConnection, ref: str, *, author: str, reason: str, now: float) -> int | None:
    """Erase all that is kept of a customer; the number of calls that forget them, None when nobody knew them.

    Their calls' chains say that it was done, by whom and why. Voices on the watch list stay: they are no customers'.
    """
    subject = (await connection.execute(select(subjects.c.subject).where(subjects.c.ref == ref))).scalar_one_or_none()
    known = (await connection.execute(select(customers.c.ref).where(customers.c.ref == ref))).scalar_one_or_none()
    if subject is None and known is None:
        return None
    names = [] if subject is None else [subject]
    held = select(holds.c.hold_id).where(holds.c.released_at.is_(None), holds.c.customer.in_(names))
    if (await connection.execute(held.limit(1))).one_or_none() is not None:
        raise StoreError("a legal hold keeps this customer: release it first")
    # A call id that was used again belongs to its newest customer; the keys remember the earlier ones.
    theirs = union(
        select(calls.c.call_id).where(calls.c.customer_ref.in_(names)),
        select(call_keys.c.call_id).where(call_keys.c.subject.in_(names)),
    )
    call_ids = sorted((await connection.execute(theirs)).scalars())
    await grants.revoke_of_customer(connection, ref, "erased", now)
    noted = verdicts.c.call_id.in_(theirs.subquery().select())
    await connection.execute(update(verdicts).where(noted).values(note=None))
    for table, column in (
        (voiceprints, voiceprints.c.customer_ref), (heard_voices, heard_voices.c.customer_ref),
        (wrong_codes, wrong_codes.c.customer_ref), (sent_codes, sent_codes.c.customer_ref),
        (customers, customers.c.ref), (subjects, subjects.c.ref),
    ):
        await connection.execute(delete(table).where(column == ref))
    await connection.execute(delete(call_keys).where(call_keys.c.subject.in_(names)))
    erased = {"kind": "erased", "at": now, "author": author, "reason": mask(reason)}
    for call_id in call_ids:
        await chains.append(connection, call_id, [erased])
    return len(call_ids)


async def subject_of(connection: AsyncConnection, ref: str, cipher: Any) -> str:
    """The random name of a customer, made where there is none."""
    return str((await _subject(connection, ref, cipher))["subject"])


async def _subject(connection: AsyncConnection, ref: str, cipher: Any) -> RowMapping:
    query = select(subjects).where(subjects.c.ref == ref)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is not None:
        return row
    key = None if cipher is None else cipher.encrypt(Fernet.generate_key()).decode()
    with suppress(IntegrityError):  # another process met the same customer at this moment
        async with connection.begin_nested():
            await connection.execute(insert(subjects).values(subject=PREFIX + secrets.token_hex(16), ref=ref, key=key))
    return (await connection.execute(query)).mappings().one()


def _granted(record: Mapping[str, Any]) -> str | None:
    grant = record.get("grant")
    return None if grant is None else grant["customer_ref"]


def _ref(name: str, row: RowMapping | None) -> str | None:
    """Records from before there were such names hold the customer's own."""
    if row is not None:
        return str(row["ref"])
    return None if name.startswith(PREFIX) else name


def _open(sealed: str, key: str, cipher: Any) -> Any:
    return json.loads(Fernet(cipher.decrypt(key.encode())).decrypt(sealed.encode())) if cipher is not None else {}
