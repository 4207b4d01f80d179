"""What platforms and people said of a call in words: sealed in its records with a key of the call's own.

Metadata may come before anybody knows whose call it is. The key's row learns the customer when the call does, and is
deleted when the customer is erased.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cryptography.fernet import Fernet
from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store.tables import call_keys, calls
from voiceguard.text.pii import mask

WORDS: Final = {"started": "metadata", "handover_answered": "reason", "customer_named": "reason"}
"""Kind of record to its field that holds words."""


async def seal(
    connection: AsyncConnection, call_id: str, record: Mapping[str, Any], cipher: Any
) -> dict[str, Any]:
    """The record with its words sealed, those of people masked before; without a `cipher` they are left out.

    `record`: with the customer's random name, if any.
    """
    sealed = dict(record)
    if record["kind"] == "started" and cipher is not None:
        await _new_key(connection, call_id, record.get("customer_ref"), record["at"], cipher)
    elif record["kind"] == "customer_named":
        # A correction moves the key too: the words are those of whoever is named last.
        which: ColumnElement[bool] = call_keys.c.subject.is_(None)
        if record.get("person") is not None and cipher is not None:
            which = call_keys.c.key_id == (await _newest(connection, call_id, record["at"], cipher))[0]
        await connection.execute(
            update(call_keys).where(call_keys.c.call_id == call_id, which).values(subject=record["customer_ref"])
        )
    name = WORDS.get(record["kind"])
    if name is None or not record.get(name):
        return sealed
    words = mask(record[name]) if isinstance(record[name], str) else record[name]
    if cipher is None:
        sealed[name] = {} if name == "metadata" else ""
        return sealed
    key_id, key = await _newest(connection, call_id, record["at"], cipher)
    token = Fernet(cipher.decrypt(key.encode())).encrypt(json.dumps(words).encode()).decode()
    sealed[name] = {"sealed": token, "key": key_id}
    return sealed


async def unseal(
    connection: AsyncConnection, records: Sequence[dict[str, Any]], cipher: Any
) -> list[dict[str, Any]]:
    """The records with their words; empty where the key is gone."""
    places = [(record, name) for record in records for name in ("metadata", "reason")
              if isinstance(record.get(name), dict) and record[name].keys() == {"sealed", "key"}]
    if not places:
        return list(records)
    wanted = {record[name]["key"] for record, name in places}
    found = await connection.execute(select(call_keys.c.key_id, call_keys.c.key).where(call_keys.c.key_id.in_(wanted)))
    keys = {row.key_id: row.key for row in found}
    for record, name in places:
        key = keys.get(record[name]["key"])
        if key is None or cipher is None:
            record[name] = {} if name == "metadata" else ""
        else:
            opened = Fernet(cipher.decrypt(key.encode())).decrypt(record[name]["sealed"].encode())
            record[name] = json.loads(opened)
    return list(records)


async def _newest(connection: AsyncConnection, call_id: str, at: float, cipher: Any) -> tuple[str, str]:
    query = select(call_keys.c.key_id, call_keys.c.key).where(call_keys.c.call_id == call_id)
    row = (await connection.execute(query.order_by(call_keys.c.created_at.desc()).limit(1))).one_or_none()
    if row is not None:
        return row.key_id, row.key
    customer = select(calls.c.customer_ref).where(calls.c.call_id == call_id)
    return await _new_key(connection, call_id, (await connection.execute(customer)).scalar_one_or_none(), at, cipher)


async def _new_key(
    connection: AsyncConnection, call_id: str, subject: str | None, at: float, cipher: Any
) -> tuple[str, str]:
    key_id, key = secrets.token_hex(16), cipher.encrypt(Fernet.generate_key()).decode()
    await connection.execute(
        insert(call_keys).values(key_id=key_id, call_id=call_id, subject=subject, created_at=at, key=key)
    )
    return key_id, key
