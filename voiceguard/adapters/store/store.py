"""What must outlive a call: the audit's chains, decisions, grants, customers, nonces and API keys.

One chain per call id. A call id that a platform uses again after its call ended goes on with the same chain: another
`started` record follows, and the call's row shows the latest start. Every method that writes is one transaction, and
every fault of the database becomes a StoreError whose text holds no value.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Protocol

from cryptography.fernet import InvalidToken
from sqlalchemy import ScalarSelect, Select, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voiceguard.adapters.store import chains, pseudonyms, tables
from voiceguard.adapters.store.api_keys import ApiKeys
from voiceguard.adapters.store.audit_check import action_row, chains_after, check_chain, check_checkpoints, grant_row
from voiceguard.adapters.store.database import StoreError, connect, faults, put
from voiceguard.adapters.store.labels import Verdicts
from voiceguard.adapters.store.registrations import Registrations
from voiceguard.adapters.store.tables import (
    actions,
    audit_events,
    calls,
    chain_heads,
    checkpoints,
    customers,
    grants,
    nonces,
)
from voiceguard.adapters.store.users import CHAIN, People
from voiceguard.adapters.store.voices import Voices
from voiceguard.audit.chain import Entry, Fault, Head, checkpoint_bytes, checkpoint_hash, genesis
from voiceguard.audit.receipt import receipt
from voiceguard.events import ActionDecided, CustomerFacts, as_record

__all__ = ["Cipher", "Store", "StoreError"]

NONCE_KEPT_S = 7 * 86400.0
"""A nonce is forgotten when the newest one expires this much later: no token may live longer."""


class Cipher(Protocol):
    """Authenticated encryption, as `cryptography.fernet.Fernet`."""

    def encrypt(self, data: bytes) -> bytes: ...
    def decrypt(self, token: bytes) -> bytes: ...


class Store:
    """Use `open`."""

    def __init__(self, engine: AsyncEngine, cipher: Cipher | None) -> None:
        self._engine = engine
        self._writer = engine.execution_options(immediate=True)
        # SQLite has one writer at a time and makes the others poll: our own queue is fair and wakes at once.
        self._turn: AbstractAsyncContextManager[None] = (
            asyncio.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )
        self._cipher = cipher

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, cipher: Cipher | None = None) -> AsyncIterator[Store]:
        """Connect, bring the tables up to date, and close in the end. `cipher` encrypts customers' TOTP secrets.

        Raises ConfigurationError for a URL that cannot be used, StoreError when the database cannot be.
        """
        async with connect(url) as engine:
            yield cls(engine, cipher)

    def voices(self, model: str) -> Voices:
        """Voices that outlive a call, as the encoder `model` (`<name>@<sha256-12>`) hears them.

        Raises StoreError when the store was opened without a cipher.
        """
        return Voices(self._read, self._write, self._need_cipher(), model)

    def verdicts(self) -> Verdicts:
        """What people found out about calls. Raises StoreError when the store was opened without a cipher."""
        return Verdicts(self._read, self._write, self._need_cipher())

    def people(self) -> People:
        """Who may sign in. Raises StoreError when the store was opened without a cipher."""
        return People(self._read, self._write, self._need_cipher())

    def api_keys(self) -> ApiKeys:
        """Keys of machines."""
        return ApiKeys(self._read, self._write)

    def registrations(self) -> Registrations:
        """Calls announced before they come. Raises StoreError when the store was opened without a cipher."""
        return Registrations(self._write, self._need_cipher())

    # ── the audit ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def append(self, call_id: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Add records, each with `kind` and `at`, to the call's chain: all of them or none.

        The first record ever of a call is of kind `started`, with its `customer_ref`; `customer_named` has one too,
        and `ended` a `reason`.
        """
        if records:
            async with self._write("append records") as connection:
                hidden = [await pseudonyms.hide(connection, record, self._cipher) for record in records]
                await chains.append(connection, call_id, hidden)

    async def record_decision(
        self, call_id: str, decided: ActionDecided, *, at: float, models: Mapping[str, str], policy: str
    ) -> None:
        """Record a decision and everything that it changes: the action, its grant, the customer's lock-out and last
        TOTP step.

        Raises StoreError also for a TOTP step that another call has used, so that one code opens one thing.
        """
        record = {"kind": "decision", "at": at, **as_record(decided), "models": dict(models), "policy": policy}
        async with self._write("record a decision") as connection:
            await chains.append(connection, call_id, [await pseudonyms.hide(connection, record, self._cipher)])
            await put(
                connection, actions, {"call_id": call_id, "action_id": decided.action_id}, action_row(record)
            )
            if decided.grant is not None:
                await connection.execute(insert(grants).values(call_id=call_id, **grant_row(record)))
            if decided.accepted_totp_step is not None:
                await _spend_step(connection, call_id, decided.accepted_totp_step)
            if decided.lock_customer_until is not None:
                await _lock_out(connection, call_id, decided.lock_customer_until)

    async def redeem_grant(self, jti: str, now: float) -> bool:
        """Spend a recorded grant; False when it is spent, unknown or expired. Recorded in its call's chain."""
        async with self._write("redeem a grant") as connection:
            spent = await connection.execute(
                update(grants)
                .where(grants.c.jti == jti, grants.c.redeemed_at.is_(None), grants.c.expires_at > now)
                .values(redeemed_at=now).returning(grants.c.call_id, grants.c.action_id)
            )
            grant = spent.one_or_none()
            if grant is not None:
                record = {"kind": "grant_redeemed", "at": now, "action_id": grant.action_id, "jti": jti}
                await chains.append(connection, grant.call_id, [record])
        return grant is not None

    async def checkpoint(self, sign: Callable[[bytes], str], now: float) -> None:
        """Sign the heads of all chains that moved since the last checkpoint; nothing when none did."""
        moved = chain_heads.c.count.is_distinct_from(chain_heads.c.signed_count)
        async with self._write("sign a checkpoint") as connection:
            rows = await connection.execute(
                select(chain_heads.c.chain, chain_heads.c.count, chain_heads.c.hash).where(moved).with_for_update()
            )
            heads = [Head(*row) for row in rows]
            if not heads:
                return
            newest = select(checkpoints.c.body).order_by(checkpoints.c.checkpoint_id.desc()).limit(1)
            last = (await connection.execute(newest)).scalar_one_or_none()
            body = checkpoint_bytes(heads, issued_at=now, previous=b"" if last is None else checkpoint_hash(last))
            made = insert(checkpoints).values(body=body, signature=sign(body)).returning(checkpoints.c.checkpoint_id)
            checkpoint_id = (await connection.execute(made)).scalar_one()
            await connection.execute(
                update(chain_heads).where(moved).values(signed_count=chain_heads.c.count, signed_in=checkpoint_id)
            )

    async def verify_audit(self, verify: Callable[[bytes, str], bool]) -> list[Fault]:
        """Everything that was changed, removed, reordered, cut off or put in, in checkpoints, chains and tables.

        `verify` says whether a signature is this service's own. One chain is in memory at a time. What was rolled back
        together with the newest checkpoints shows only against a checkpoint that was kept elsewhere.
        """
        async with self._snapshot() as connection:
            found = await connection.run_sync(check_checkpoints, verify)
        last = ""
        while True:
            async with self._snapshot() as connection:
                chains = await connection.run_sync(chains_after, last)
            if not chains:
                return found
            for last in chains:
                async with self._snapshot() as connection:
                    found += await connection.run_sync(check_chain, last)

    # ── customers, nonces, keys ──────────────────────────────────────────────────────────────────────────────────────

    async def customer(self, ref: str) -> CustomerFacts | None:
        """What is kept of a customer; None for an unknown one."""
        async with self._read("look a customer up") as connection:
            row = (await connection.execute(select(customers).where(customers.c.ref == ref))).one_or_none()
        if row is None:
            return None
        return CustomerFacts(row.ref, self._decrypt(row.totp_secret), row.last_totp_step, row.locked_until)

    async def upsert_customer(self, ref: str, *, totp_secret: str | None = None) -> None:
        """Make a customer known, or change the TOTP secret (base32; None: codes are delivered). Locks stay.

        Raises StoreError for a secret when the store was opened without a cipher.
        """
        encrypted = None if totp_secret is None else self._need_cipher().encrypt(totp_secret.encode()).decode()
        # Steps of the old secret say nothing about the new one, but to forget them would open a used code again.
        async with self._write("keep a customer") as connection:
            changed = await connection.execute(
                update(customers).where(customers.c.ref == ref).values(totp_secret=encrypted)
            )
            if changed.rowcount == 0:
                await connection.execute(
                    insert(customers).values(ref=ref, totp_secret=encrypted, last_totp_step=-1, locked_until=0.0)
                )

    async def erase_customer(self, ref: str, *, author: str, reason: str, now: float) -> int | None:
        """Erase all that is kept of a customer, records included, while every chain stays whole; see
        `voiceguard.adapters.store.pseudonyms`. The number of calls that forget them, None when nobody knew them."""
        async with self._write("erase a customer") as connection:
            return await pseudonyms.erase(connection, ref, author=author, reason=reason, now=now)

    async def use_nonce(self, nonce: str, expires: float) -> bool:
        """True the first time. `expires` (Unix seconds): when the token of this nonce is refused anyway; inf: never."""
        async with self._write("use a nonce") as connection:
            if math.isfinite(expires):
                await connection.execute(delete(nonces).where(nonces.c.expires < expires - NONCE_KEPT_S))
            try:
                async with connection.begin_nested():
                    await connection.execute(insert(nonces).values(nonce=nonce, expires=expires))
            except IntegrityError:
                return False
        return True

    async def create_key(self, name: str, scopes: Iterable[str], *, by: str = "voiceguard") -> str:
        """A new API key: the only time that anybody sees it. Raises StoreError when the name is taken."""
        return await self.api_keys().create(name, scopes, by=by, now=time.time())

    async def check_key(self, secret: str) -> tuple[str, frozenset[str]] | None:
        """Name and scopes of the key's holder; None for an unknown or revoked key."""
        return await self.api_keys().check(secret, time.time())

    # ── what was recorded ────────────────────────────────────────────────────────────────────────────────────────────

    async def calls(self, limit: int = 100) -> list[dict[str, Any]]:
        """Calls, newest first: their row and, in `actions`, the latest decision on each action."""
        async with self._read("list calls") as connection:
            real = select(calls).where(calls.c.call_id != CHAIN)
            found = await _with_actions(connection, real.order_by(calls.c.started_at.desc()).limit(limit))
            return await pseudonyms.show(connection, found, self._cipher)

    async def call(self, call_id: str) -> dict[str, Any] | None:
        """One call as `calls` gives it; None for an unknown one."""
        async with self._read("read a call") as connection:
            found = await _with_actions(connection, select(calls).where(calls.c.call_id == call_id))
            found = await pseudonyms.show(connection, found, self._cipher)
        return found[0] if found else None

    async def events(self, call_id: str) -> list[dict[str, Any]]:
        """The call's records, in order."""
        async with self._read("read a call's records") as connection:
            records = [json.loads(entry.record) for entry in await _entries(connection, call_id)]
            return await pseudonyms.show(connection, records, self._cipher)

    async def receipts(self, call_id: str) -> list[dict[str, Any]]:
        """A receipt for every decision of the call, in order; see `voiceguard.audit.receipt`."""
        async with self._read("read a call's receipts") as connection:
            entries = await _entries(connection, call_id)
        before = [genesis(call_id), *(entry.hash for entry in entries)]
        return [
            receipt(entry, previous) for entry, previous in zip(entries, before, strict=False)
            if json.loads(entry.record)["kind"] == "decision"
        ]

    async def call_ids(self, after: str = "", limit: int = 500) -> list[str]:
        """The next calls in the order of their ids, for reading all of them."""
        query = select(calls.c.call_id).where(calls.c.call_id > after).order_by(calls.c.call_id).limit(limit)
        async with self._read("list calls") as connection:
            return list((await connection.execute(query)).scalars())

    # ── transactions ─────────────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def _read(self, doing: str) -> AsyncIterator[AsyncConnection]:
        with faults(doing):
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Reading in which a chain and its head belong together, whoever writes meanwhile; SQLite always reads so."""
        sqlite = self._engine.dialect.name == "sqlite"
        engine = self._engine if sqlite else self._engine.execution_options(isolation_level="REPEATABLE READ")
        with faults("verify the audit"):
            async with engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def _write(self, doing: str) -> AsyncIterator[AsyncConnection]:
        with faults(doing):
            async with self._turn, self._writer.begin() as connection:
                yield connection

    def _need_cipher(self) -> Cipher:
        if self._cipher is None:
            raise StoreError("secrets and voices need a store that was opened with a cipher")
        return self._cipher

    def _decrypt(self, encrypted: str | None) -> str | None:
        if encrypted is None:
            return None
        try:
            return self._need_cipher().decrypt(encrypted.encode()).decode()
        except InvalidToken:
            raise StoreError("a customer's secret was encrypted with another key, or was changed") from None


async def _entries(connection: AsyncConnection, call_id: str) -> list[Entry]:
    query = select(audit_events).where(audit_events.c.chain == call_id).order_by(audit_events.c.seq)
    return [Entry(row.chain, row.seq, row.record, row.hash) for row in await connection.execute(query)]


async def _with_actions(connection: AsyncConnection, query: Select[Any]) -> list[dict[str, Any]]:
    found = [{**row, "actions": []} for row in (await connection.execute(query)).mappings()]
    by_id = {call["call_id"]: call["actions"] for call in found}
    decided = select(actions).where(actions.c.call_id.in_(by_id)).order_by(actions.c.at)
    for row in (await connection.execute(decided)).mappings():
        by_id[row["call_id"]].append({name: value for name, value in row.items() if name != "call_id"})
    return found


async def _spend_step(connection: AsyncConnection, call_id: str, step: int) -> None:
    """Move the customer's last TOTP step on; refused when it is there already."""
    moved = await connection.execute(
        update(customers)
        .where(customers.c.ref == _customer_of(call_id), customers.c.last_totp_step < step)
        .values(last_totp_step=step)
    )
    if moved.rowcount != 1:
        raise StoreError("this code was used before, or its customer is unknown")


async def _lock_out(connection: AsyncConnection, call_id: str, until: float) -> None:
    longer = case((customers.c.locked_until < until, until), else_=customers.c.locked_until)
    locked = await connection.execute(
        update(customers).where(customers.c.ref == _customer_of(call_id)).values(locked_until=longer)
    )
    if locked.rowcount != 1:
        raise StoreError("the customer to lock is unknown")


def _customer_of(call_id: str) -> ScalarSelect[str | None]:
    name = func.coalesce(tables.subjects.c.ref, calls.c.customer_ref)
    named = calls.outerjoin(tables.subjects, tables.subjects.c.subject == calls.c.customer_ref)
    return select(name).select_from(named).where(calls.c.call_id == call_id).scalar_subquery()
