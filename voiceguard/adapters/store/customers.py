"""Customers: their TOTP secret, which lies encrypted, their last used code, their lock and who lifts it; and how they
are added, listed, removed and erased."""

from __future__ import annotations

import builtins
import math
from collections.abc import Mapping
from typing import Any, Final

from cryptography.fernet import InvalidToken
from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import codes, grants, pseudonyms
from voiceguard.adapters.store.database import LONG_S, Database, StoreError
from voiceguard.adapters.store.tables import customers, heard_voices, sent_codes, voiceprints, wrong_codes
from voiceguard.adapters.store.users import record_act
from voiceguard.events import CustomerFacts
from voiceguard.events.tenants import DEFAULT
from voiceguard.text.pii import mask

_ASKED: Final = 500
"""References in one question: SQLite takes 999 values in a statement at the least."""
_NEW: Final = {"last_totp_step": -1, "locked_until": 0.0}


class Customers:
    """Keeps, finds and erases customers; `Store.customers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, ref: str) -> CustomerFacts | None:
        """What is kept of a customer; None for an unknown one."""
        async with self._database.read("look a customer up") as connection:
            row = (await connection.execute(select(customers).where(customers.c.ref == ref))).one_or_none()
            if row is None:
                return None
            until, calls = await codes.locked_until(connection, ref, row.locked_until)
        return CustomerFacts(row.ref, self._decrypt(row.totp_secret), row.last_totp_step, until, calls)

    async def upsert(self, ref: str, *, totp_secret: str | None = None) -> None:
        """Make a customer known, or change the TOTP secret (base32; None: codes are delivered). Locks stay.

        Raises StoreError for a secret when the store was opened without a cipher.
        """
        encrypted = None if totp_secret is None else self._encrypt(totp_secret)
        # Steps of the old secret say nothing about the new one, but to forget them would open a used code again.
        async with self._database.write("keep a customer") as connection:
            changed = await connection.execute(
                update(customers).where(customers.c.ref == ref).values(totp_secret=encrypted)
            )
            if changed.rowcount == 0:
                await connection.execute(insert(customers).values(ref=ref, totp_secret=encrypted, **_NEW))

    async def add(self, secrets: Mapping[str, str | None], *, by: str, now: float) -> builtins.list[str]:
        """Make customers known: reference to TOTP secret (base32; None: codes are delivered). Those that are known
        already stay as they are; their references, in order. One transaction, on record.

        Raises StoreError for a secret when the store was opened without a cipher.
        """
        sealed = {ref: None if secret is None else self._encrypt(secret) for ref, secret in secrets.items()}
        async with self._database.write("add customers") as connection:
            known = await _known(connection, builtins.list(sealed))
            new = [{"ref": ref, "totp_secret": secret, **_NEW} for ref, secret in sealed.items() if ref not in known]
            if new:
                await connection.execute(insert(customers), new)
                await record_act(connection, now, "customers_added", count=len(new), by=by)
        return [ref for ref in sealed if ref in known]

    async def set_totp(self, ref: str, secret: str | None, *, by: str, now: float) -> bool:
        """Give a customer another TOTP secret, or none (codes are delivered then), on record; False for an unknown
        one. Locks and wrong codes stay. Raises StoreError for a secret when the store was opened without a cipher."""
        sealed = None if secret is None else self._encrypt(secret)
        async with self._database.write("change a customer's authenticator") as connection:
            changed = await connection.execute(
                update(customers).where(customers.c.ref == ref).values(totp_secret=sealed)
            )
            if changed.rowcount:
                await record_act(
                    connection, now, "customer_authenticator", customer_ref=await self._subject(connection, ref),
                    has_authenticator=secret is not None, by=by,
                )
        return changed.rowcount > 0

    async def list(
        self, *, now: float, tenant: str | None = None, after: str = "", limit: int = 100
    ) -> builtins.list[dict[str, Any]]:
        """Customers of a tenant, or of all, by reference, from the one behind `after` on: `customer_ref`,
        `has_authenticator`, `locked_until` (Unix seconds; None: no wait runs)."""
        where: ColumnElement[bool] = customers.c.ref > after
        if tenant == DEFAULT:
            where = where & customers.c.ref.not_like("%~%")
        elif tenant is not None:
            where = where & customers.c.ref.startswith(f"{tenant}~", autoescape=True)
        query = select(customers).where(where).order_by(customers.c.ref).limit(limit)
        async with self._database.read("list customers") as connection:
            rows = (await connection.execute(query)).all()
        return [_listed(row, now) for row in rows]

    async def show(self, ref: str, *, now: float) -> dict[str, Any] | None:
        """One customer as `list` gives it, with `needs_unlock` (no code is taken until a person lifts the lock-out)
        and `has_voiceprint`; None for an unknown one."""
        enrolled = select(voiceprints.c.voiceprint_id).where(
            voiceprints.c.customer_ref == ref, voiceprints.c.ended_at.is_(None)
        )
        async with self._database.read("show a customer") as connection:
            row = (await connection.execute(select(customers).where(customers.c.ref == ref))).one_or_none()
            if row is None:
                return None
            until, _ = await codes.locked_until(connection, ref, row.locked_until)
            voice = (await connection.execute(enrolled.limit(1))).one_or_none()
        return {**_listed(row, now), "needs_unlock": until == math.inf, "has_voiceprint": voice is not None}

    async def remove(self, ref: str, *, by: str, reason: str, now: float) -> bool:
        """Make a customer unknown, on record; False for an unknown one. The voiceprint, voices kept to find links, the
        count of wrong codes and open grants go too; what records say of the customer stays (`erase` ends that)."""
        async with self._database.write("remove a customer") as connection:
            if not await _known(connection, [ref]):
                return False
            await grants.revoke_of_customer(connection, ref, "customer_removed", now)
            for column in (
                voiceprints.c.customer_ref, heard_voices.c.customer_ref, wrong_codes.c.customer_ref,
                sent_codes.c.customer_ref, customers.c.ref,
            ):
                await connection.execute(delete(column.table).where(column == ref))
            await record_act(
                connection, now, "customer_removed", customer_ref=await self._subject(connection, ref), by=by,
                reason=mask(reason),
            )
        await self._database.empty_log()
        return True

    async def unlock(self, ref: str, *, author: str, reason: str, now: float) -> int | None:
        """Lift a customer's lock-out and forget the wrong codes, on record; how many codes, None for an unknown one."""
        async with self._database.write("unlock a customer") as connection:
            lifted = await connection.execute(
                update(customers).where(customers.c.ref == ref).values(locked_until=0.0)
            )
            if lifted.rowcount == 0:
                return None
            forgotten = await codes.clear(connection, ref)
            await record_act(
                connection, now, "customer_unlocked", customer_ref=await self._subject(connection, ref),
                wrong_codes=forgotten, by=author, reason=mask(reason),
            )
        return forgotten

    async def erase(self, ref: str, *, author: str, reason: str, now: float) -> int | None:
        """Erase all that is kept of a customer, records included, while every chain stays whole; see
        `voiceguard.adapters.store.pseudonyms`. The number of calls that forget them, None when nobody knew them."""
        async with self._database.write("erase a customer", LONG_S) as connection:
            erased = await pseudonyms.erase(connection, ref, author=author, reason=reason, now=now)
        await self._database.empty_log()
        return erased

    async def _subject(self, connection: AsyncConnection, ref: str) -> str:
        return await pseudonyms.subject_of(connection, ref, self._database.cipher_or_none)

    def _encrypt(self, secret: str) -> str:
        return str(self._database.cipher.encrypt(secret.encode()).decode())

    def _decrypt(self, encrypted: str | None) -> str | None:
        if encrypted is None:
            return None
        try:
            return self._database.cipher.decrypt(encrypted.encode()).decode()
        except InvalidToken:
            raise StoreError("a customer's secret was encrypted with another key, or was changed") from None


def _listed(row: Any, now: float) -> dict[str, Any]:
    return {
        "customer_ref": row.ref, "has_authenticator": row.totp_secret is not None,
        "locked_until": row.locked_until if row.locked_until > now else None,
    }


async def _known(connection: AsyncConnection, refs: builtins.list[str]) -> set[str]:
    """Those of these that are known."""
    found: set[str] = set()
    for begin in range(0, len(refs), _ASKED):
        query = select(customers.c.ref).where(customers.c.ref.in_(refs[begin:begin + _ASKED]))
        found.update((await connection.execute(query)).scalars())
    return found
