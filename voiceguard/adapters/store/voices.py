"""Voices that outlive a call: customers' voiceprints, the watch list, and voices that were heard lately.

Embeddings are biometric data and lie encrypted: a customer's with a key of the customer's own, which is itself
encrypted, so that erasing the key erases the voice, in copies of the database too. Rows that ended stay as history,
without the voice. What an encoder made is of use to that very encoder alone: other models' entries are passed over.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import numpy as np
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import ColumnElement, RowMapping, Table, and_, delete, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store.database import Database, StoreError
from voiceguard.adapters.store.tables import calls, customers, heard_voices, voiceprints, watchlist
from voiceguard.events import Voice
from voiceguard.events.tenants import tenant_of
from voiceguard.text.pii import mask

DAY_S = 86400.0
LONGEST_LISTED_DAYS = 730
"""An entry of the watch list lives no longer without somebody deciding so anew."""


@dataclass(frozen=True)
class Listing:
    """Why a voice is on the watch list, and for how long."""

    reason: str
    expires_days: float = 180.0
    review_days: float = 30.0
    """Days after which somebody has to look at it; an entry that nobody looked at by then no longer counts."""

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("an entry of the watch list needs a reason")
        if not 0 < self.review_days <= self.expires_days <= LONGEST_LISTED_DAYS:
            raise ValueError(f"needs 0 < review_days <= expires_days <= {LONGEST_LISTED_DAYS}")


class Voices:
    """Keeps voices as the encoder `model` (`<name>@<sha256-12>`) hears them. Whoever knows the encoder makes one, with
    `Store.database`, and holds it."""

    def __init__(self, database: Database, model: str) -> None:
        self._database, self._model = database, model

    # ── voiceprints ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def enrol(self, customer_ref: str, voice: Voice, *, call_id: str, author: str, now: float) -> str:
        """Keep a voiceprint in place of the customer's earlier one, which ends; returns its id.

        Raises StoreError also for an unknown customer.
        """
        voiceprint_id = secrets.token_hex(16)
        async with self._database.write("keep a voiceprint") as connection:
            key = await self._customer_key(connection, customer_ref, make=True)
            await _end(
                connection, voiceprints, voiceprints.c.customer_ref == customer_ref, author, "enrolled anew", now
            )
            await connection.execute(insert(voiceprints).values(
                voiceprint_id=voiceprint_id, customer_ref=customer_ref, call_id=call_id, author=author, created_at=now,
                **self._sealed(voice, key),
            ))
        return voiceprint_id

    async def voiceprint(self, customer_ref: str) -> Voice | None:
        """The customer's voice as this encoder hears it; None when nobody enrolled it."""
        async with self._database.read("read a voiceprint") as connection:
            row = (await connection.execute(select(voiceprints).where(
                voiceprints.c.customer_ref == customer_ref, voiceprints.c.ended_at.is_(None),
                voiceprints.c.model == self._model,
            ))).mappings().one_or_none()
            if row is None:
                return None
            return _opened(row, await self._customer_key(connection, customer_ref))

    async def is_enrolled(self, customer_ref: str) -> bool:
        """Whether a voice of this customer is kept."""
        query = select(voiceprints.c.voiceprint_id).where(
            voiceprints.c.customer_ref == customer_ref, voiceprints.c.ended_at.is_(None)
        )
        async with self._database.read("look for a voiceprint") as connection:
            return (await connection.execute(query.limit(1))).one_or_none() is not None

    async def voiceprint_history(self, customer_ref: str) -> list[dict[str, Any]]:
        """Every voiceprint the customer ever had, newest first, without the voice."""
        query = select(voiceprints).where(voiceprints.c.customer_ref == customer_ref)
        async with self._database.read("list voiceprints") as connection:
            rows = await connection.execute(query.order_by(voiceprints.c.created_at.desc()))
            return [_without_voice(row) for row in rows.mappings()]

    async def forget_voiceprint(self, customer_ref: str, *, author: str, reason: str, now: float) -> bool:
        """Erase the customer's voiceprint and its key; False when there is none. The history stays."""
        async with self._database.write("erase a voiceprint") as connection:
            ended = await _end(
                connection, voiceprints, voiceprints.c.customer_ref == customer_ref, author, reason, now
            )
            await connection.execute(
                update(customers).where(customers.c.ref == customer_ref).values(data_key=None)
            )
        return ended > 0

    # ── the watch list ───────────────────────────────────────────────────────────────────────────────────────────────

    async def list_voice(
        self, voice: Voice, listing: Listing, *, call_id: str, author: str, now: float, proposed: bool = False
    ) -> str:
        """Put a voice on the watch list; returns the entry's id. One only proposed counts once it is reviewed."""
        review_days = 0.0 if proposed else listing.review_days
        entry_id = secrets.token_hex(16)
        async with self._database.write("put a voice on the watch list") as connection:
            await connection.execute(insert(watchlist).values(
                entry_id=entry_id, call_id=call_id, author=author, reason=mask(listing.reason), created_at=now,
                review_at=now + review_days * DAY_S, expires_at=now + listing.expires_days * DAY_S,
                **self._sealed(voice, self._database.cipher),
            ))
        return entry_id

    async def review_listed(
        self, entry_id: str, *, author: str, days: float, now: float, tenant: str | None = None
    ) -> bool:
        """Somebody looked at an entry and keeps it for `days` until the next review; False for one that ended.

        It takes another person than its author: the first look is the second pair of eyes.
        """
        async with self._database.write("review the watch list") as connection:
            reviewed = await connection.execute(update(watchlist).where(
                watchlist.c.entry_id == entry_id, watchlist.c.ended_at.is_(None), watchlist.c.expires_at > now,
                watchlist.c.author != author, _of_tenant(tenant),
            ).values(reviewed_by=author, review_at=now + days * DAY_S))
        return reviewed.rowcount == 1

    async def unlist(
        self, entry_id: str, *, author: str, reason: str, now: float, tenant: str | None = None
    ) -> bool:
        """Take a voice off the list and erase it; False when it was not on it. The history stays."""
        async with self._database.write("take a voice off the watch list") as connection:
            entry = and_(watchlist.c.entry_id == entry_id, _of_tenant(tenant))
            return await _end(connection, watchlist, entry, author, reason, now) == 1

    async def watchlist_history(self, tenant: str | None = None) -> list[dict[str, Any]]:
        """Every entry of a tenant, or of all, that there ever was, newest first, without the voice."""
        query = select(watchlist).where(_of_tenant(tenant)).order_by(watchlist.c.created_at.desc())
        async with self._database.read("read the watch list") as connection:
            rows = await connection.execute(query)
            return [_without_voice(row) for row in rows.mappings()]

    async def listed(self, now: float) -> list[tuple[str, Voice]]:
        """The entries of all tenants; see `listed_by_tenant`."""
        return [entry for entries in (await self.listed_by_tenant(now)).values() for entry in entries]

    async def listed_by_tenant(self, now: float) -> dict[str, list[tuple[str, Voice]]]:
        """Entries that count: neither ended, nor expired, nor overdue for review, and of this encoder."""
        current = and_(
            watchlist.c.ended_at.is_(None), watchlist.c.expires_at > now, watchlist.c.review_at > now,
            watchlist.c.model == self._model,
        )
        async with self._database.read("read the watch list") as connection:
            rows = (await connection.execute(select(watchlist).where(current))).mappings().all()
        entries: dict[str, list[tuple[str, Voice]]] = {}
        for row in rows:
            entry = row["entry_id"], _opened(row, self._database.cipher)
            entries.setdefault(tenant_of(row["call_id"]), []).append(entry)
        return entries

    # ── voices heard lately ──────────────────────────────────────────────────────────────────────────────────────────

    async def remember_heard(self, customer_ref: str, voice: Voice, *, call_id: str, expires: float) -> None:
        """Keep the voice of a customer's call until `expires` (Unix seconds), once a call."""
        async with self._database.write("keep a heard voice") as connection:
            await connection.execute(delete(heard_voices).where(heard_voices.c.call_id == call_id))
            await connection.execute(insert(heard_voices).values(
                call_id=call_id, customer_ref=customer_ref, expires_at=expires,
                **self._sealed(voice, self._database.cipher),
            ))

    async def heard(self, now: float) -> list[tuple[str, str, Voice]]:
        """(call id, customer, voice) of calls whose voice is kept. What has expired is erased."""
        async with self._database.write("read heard voices") as connection:
            await connection.execute(delete(heard_voices).where(heard_voices.c.expires_at <= now))
            rows = (await connection.execute(
                select(heard_voices).where(heard_voices.c.model == self._model)
            )).mappings().all()
        return [(row["call_id"], row["customer_ref"], _opened(row, self._database.cipher)) for row in rows]

    async def erase_due(self, now: float) -> None:
        """Erase the voices of entries that have expired; their history stays."""
        async with self._database.write("erase expired voices") as connection:
            await _end(connection, watchlist, watchlist.c.expires_at <= now, "voiceguard", "expired", now)

    # ── encryption ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _customer_key(self, connection: AsyncConnection, customer_ref: str, *, make: bool = False) -> Fernet:
        known = await connection.execute(select(customers.c.data_key).where(customers.c.ref == customer_ref))
        row = known.one_or_none()
        if row is None:
            raise StoreError("this customer is unknown")
        if row.data_key is None and make:
            key = Fernet.generate_key()
            sealed = self._database.cipher.encrypt(key).decode()
            await connection.execute(update(customers).where(customers.c.ref == customer_ref).values(data_key=sealed))
            return Fernet(key)
        if row.data_key is None:
            raise StoreError("the key of this customer was erased")
        try:
            return Fernet(self._database.cipher.decrypt(row.data_key.encode()))
        except InvalidToken:
            raise StoreError("a customer's key was encrypted with another key, or was changed") from None

    def _sealed(self, voice: Voice, cipher: Any) -> dict[str, Any]:
        return {
            "model": self._model, "net_speech_s": voice.net_speech_s, "windows": voice.windows,
            "embedding": cipher.encrypt(np.asarray(voice.embedding, "<f4").tobytes()),
        }


def _opened(row: RowMapping, cipher: Any) -> Voice:
    try:
        embedding = np.frombuffer(cipher.decrypt(row["embedding"]), "<f4")
    except InvalidToken:
        raise StoreError("a voice was encrypted with another key, or was changed") from None
    return Voice(embedding, row["net_speech_s"], row["windows"])


def _without_voice(row: RowMapping) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "embedding"}


def _of_tenant(tenant: str | None) -> ColumnElement[bool]:
    if tenant is None:
        return true()
    return watchlist.c.call_id.in_(select(calls.c.call_id).where(calls.c.tenant == tenant))


async def _end(
    connection: AsyncConnection, table: Table, which: ColumnElement[bool], author: str, reason: str, now: float
) -> int:
    ended = await connection.execute(update(table).where(which, table.c.ended_at.is_(None)).values(
        embedding=None, ended_at=now, ended_by=author, end_reason=mask(reason)
    ))
    return ended.rowcount
