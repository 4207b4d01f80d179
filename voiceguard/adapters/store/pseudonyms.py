"""Customers as the audit knows them: under names that mean nothing any more once a customer is erased.

Records are chained and signed, so nothing can be taken out of them. What they hold of a customer is a random name, and
what the platform said of the call, encrypted with a key of the customer's own. Name and key stand in one row of a
table: erasing it erases the customer from every record, and every hash and signature stays good.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import chains, grants
from voiceguard.adapters.store.tables import (
    calls,
    customers,
    heard_voices,
    sent_codes,
    subjects,
    verdicts,
    voiceprints,
    wrong_codes,
)

PREFIX = "subject:"


async def hide(connection: AsyncConnection, record: Mapping[str, Any], cipher: Any) -> dict[str, Any]:
    """The record as it is chained: with the customer's random name, and the call's metadata sealed.

    Without a `cipher` nothing can be sealed, and metadata of a call that names a customer are left out.
    """
    hidden = dict(record)
    if record.get("customer_ref") is not None:
        row = await _subject(connection, record["customer_ref"], cipher)
        hidden["customer_ref"] = row["subject"]
        if record.get("metadata"):
            hidden["metadata"] = {} if row["key"] is None else {"sealed": _seal(record["metadata"], row["key"], cipher)}
    if record.get("grant") is not None:
        row = await _subject(connection, record["grant"]["customer_ref"], cipher)
        hidden["grant"] = {**record["grant"], "customer_ref": row["subject"]}
    return hidden


async def show(connection: AsyncConnection, records: Iterable[Mapping[str, Any]], cipher: Any) -> list[dict[str, Any]]:
    """The records, or rows with a `customer_ref`, as they came; None in place of a customer who was erased."""
    shown = [dict(record) for record in records]
    named = {name for record in shown for name in (record.get("customer_ref"), _granted(record)) if name}
    found = await connection.execute(select(subjects).where(subjects.c.subject.in_(named)))
    rows = {row["subject"]: row for row in found.mappings()}
    for record in shown:
        row = rows.get(record.get("customer_ref"))
        sealed = (record.get("metadata") or {}).get("sealed")
        if sealed is not None:
            record["metadata"] = {} if row is None else _open(sealed, row["key"], cipher)
        if record.get("customer_ref") is not None:
            record["customer_ref"] = _ref(record["customer_ref"], row)
        if (granted := _granted(record)) is not None:
            record["grant"] = {**record["grant"], "customer_ref": _ref(granted, rows.get(granted))}
    return shown


async def erase(connection: AsyncConnection, ref: str, *, author: str, reason: str, now: float) -> int | None:
    """Erase all that is kept of a customer; the number of calls that forget them, None when nobody knew them.

    Their calls' chains say that it was done, by whom and why. Voices on the watch list stay: they are no customers'.
    """
    subject = (await connection.execute(select(subjects.c.subject).where(subjects.c.ref == ref))).scalar_one_or_none()
    known = (await connection.execute(select(customers.c.ref).where(customers.c.ref == ref))).scalar_one_or_none()
    if subject is None and known is None:
        return None
    names = [] if subject is None else [subject]
    theirs = select(calls.c.call_id).where(calls.c.customer_ref.in_(names)).order_by(calls.c.call_id)
    call_ids = list((await connection.execute(theirs)).scalars())
    await grants.revoke_of_customer(connection, ref, "erased", now)
    await connection.execute(update(verdicts).where(verdicts.c.call_id.in_(theirs)).values(note=None))
    for table, column in (
        (voiceprints, voiceprints.c.customer_ref), (heard_voices, heard_voices.c.customer_ref),
        (wrong_codes, wrong_codes.c.customer_ref), (sent_codes, sent_codes.c.customer_ref),
        (customers, customers.c.ref), (subjects, subjects.c.ref),
    ):
        await connection.execute(delete(table).where(column == ref))
    for call_id in call_ids:
        await chains.append(connection, call_id, [{"kind": "erased", "at": now, "author": author, "reason": reason}])
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


def _seal(metadata: Mapping[str, Any], key: str, cipher: Any) -> str:
    return Fernet(cipher.decrypt(key.encode())).encrypt(json.dumps(metadata).encode()).decode()


def _open(sealed: str, key: str, cipher: Any) -> Any:
    return json.loads(Fernet(cipher.decrypt(key.encode())).decrypt(sealed.encode())) if cipher is not None else {}
