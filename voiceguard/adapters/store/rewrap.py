"""Encrypts anew, with the newest key, what the key for customers' data encrypted: in batches, beside a running service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.fernet import InvalidToken
from sqlalchemy import Column, select, update

from voiceguard.adapters.cipher import RotatingCipher
from voiceguard.adapters.store.database import Database
from voiceguard.adapters.store.tables import (
    call_keys,
    customers,
    heard_voices,
    people,
    registered_calls,
    subjects,
    verdicts,
    watchlist,
)
from voiceguard.adapters.store.tables_out import webhooks

BATCH: Final = 200
"""Rows of one transaction."""
ENCRYPTED: Final[tuple[Column[str] | Column[bytes], ...]] = (
    customers.c.totp_secret, customers.c.data_key, subjects.c.key, call_keys.c.key, people.c.totp_secret,
    verdicts.c.note, watchlist.c.embedding, heard_voices.c.embedding, registered_calls.c.sealed,
    webhooks.c.secret,
)
"""Every column that the cipher of customers' data encrypts; voiceprints have keys of their own, in `data_key`."""


@dataclass
class Rewrapped:
    """What was done."""

    changed: int = 0
    """Values that an older key had encrypted."""
    unreadable: int = 0
    """Values that no key decrypts; they stay as they are."""


async def rewrap(database: Database, cipher: RotatingCipher) -> Rewrapped:
    """Encrypt every value that is not under the newest key with that. Raises StoreError; what was done stays."""
    done = Rewrapped()
    for column in ENCRYPTED:
        await _rewrap_column(database, cipher, column, done)
    await database.empty_log()
    return done


async def _rewrap_column(
    database: Database, cipher: RotatingCipher, column: Column[str] | Column[bytes], done: Rewrapped
) -> None:
    (key,) = column.table.primary_key.columns
    query = select(key, column.label("value")).where(column.is_not(None)).order_by(key).limit(BATCH)
    after = None
    while True:
        page = query if after is None else query.where(key > after)
        async with database.write("encrypt with the newest key") as connection:
            rows = (await connection.execute(page)).all()
            for place, value in rows:
                token = value.encode() if isinstance(value, str) else value
                if cipher.is_newest(token):
                    continue
                try:
                    fresh = cipher.encrypt(cipher.decrypt(token))
                except InvalidToken:
                    done.unreadable += 1
                    continue
                # Only what was read is overwritten: a service may have changed the row meanwhile.
                changed = await connection.execute(
                    update(column.table).where(key == place, column == value)
                    .values({column: fresh.decode() if isinstance(value, str) else fresh})
                )
                done.changed += changed.rowcount
        if len(rows) < BATCH:
            return
        after = rows[-1][0]
