"""Customers: their TOTP secret, which lies encrypted, their last used code, their lock and who lifts it; and how they
are erased."""

from __future__ import annotations

from cryptography.fernet import InvalidToken
from sqlalchemy import insert, select, update

from voiceguard.adapters.store import codes, pseudonyms
from voiceguard.adapters.store.database import Database, StoreError
from voiceguard.adapters.store.tables import customers
from voiceguard.adapters.store.users import record_act
from voiceguard.events import CustomerFacts
from voiceguard.text.pii import mask


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
        encrypted = None if totp_secret is None else self._database.cipher.encrypt(totp_secret.encode()).decode()
        # Steps of the old secret say nothing about the new one, but to forget them would open a used code again.
        async with self._database.write("keep a customer") as connection:
            changed = await connection.execute(
                update(customers).where(customers.c.ref == ref).values(totp_secret=encrypted)
            )
            if changed.rowcount == 0:
                await connection.execute(
                    insert(customers).values(ref=ref, totp_secret=encrypted, last_totp_step=-1, locked_until=0.0)
                )

    async def unlock(self, ref: str, *, author: str, reason: str, now: float) -> int | None:
        """Lift a customer's lock-out and forget the wrong codes, on record; how many codes, None for an unknown one."""
        async with self._database.write("unlock a customer") as connection:
            lifted = await connection.execute(
                update(customers).where(customers.c.ref == ref).values(locked_until=0.0)
            )
            if lifted.rowcount == 0:
                return None
            forgotten = await codes.clear(connection, ref)
            hidden = await pseudonyms.hide(connection, {"customer_ref": ref}, self._database.cipher_or_none)
            await record_act(
                connection, now, "customer_unlocked", customer_ref=hidden["customer_ref"], wrong_codes=forgotten,
                by=author, reason=mask(reason),
            )
        return forgotten

    async def erase(self, ref: str, *, author: str, reason: str, now: float) -> int | None:
        """Erase all that is kept of a customer, records included, while every chain stays whole; see
        `voiceguard.adapters.store.pseudonyms`. The number of calls that forget them, None when nobody knew them."""
        async with self._database.write("erase a customer") as connection:
            erased = await pseudonyms.erase(connection, ref, author=author, reason=reason, now=now)
        await self._database.empty_log()
        return erased

    def _decrypt(self, encrypted: str | None) -> str | None:
        if encrypted is None:
            return None
        try:
            return self._database.cipher.decrypt(encrypted.encode()).decode()
        except InvalidToken:
            raise StoreError("a customer's secret was encrypted with another key, or was changed") from None
