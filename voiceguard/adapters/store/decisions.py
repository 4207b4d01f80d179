"""Decisions on actions, and what each of them changes: the action, its grant, the customer's lock and last code."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import ScalarSelect, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import chains, grants, pseudonyms, tables
from voiceguard.adapters.store.audit_check import action_row, grant_row
from voiceguard.adapters.store.database import Database, StoreError, put
from voiceguard.adapters.store.tables import actions, calls, customers, subjects
from voiceguard.events import ActionDecided, as_record


class Decisions:
    """Records decisions and redeems their grants; `Store.decisions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(
        self, call_id: str, decided: ActionDecided, *, at: float, models: Mapping[str, str], policy: str
    ) -> None:
        """Record a decision and everything that it changes: the action, its grant, the customer's lock-out and last
        TOTP step.

        Raises StoreError also for a TOTP step that another call has used, so that one code opens one thing.
        """
        record = {"kind": "decision", "at": at, **as_record(decided), "models": dict(models), "policy": policy}
        async with self._database.write("record a decision") as connection:
            hidden = await pseudonyms.hide(connection, record, self._database.cipher_or_none)
            await chains.append(connection, call_id, [hidden])
            await put(
                connection, actions, {"call_id": call_id, "action_id": decided.action_id}, action_row(record)
            )
            if decided.grant is not None:
                await connection.execute(insert(tables.grants).values(call_id=call_id, **grant_row(record)))
            if decided.accepted_totp_step is not None:
                await _spend_step(connection, call_id, decided.accepted_totp_step)
            if decided.lock_customer_until is not None:
                await _lock_out(connection, call_id, decided.lock_customer_until)

    async def redeem_grant(self, jti: str, now: float, customer_ref: str | None = None) -> bool:
        """Spend a recorded grant; False when it is spent, revoked, unknown or expired, and when its customer, if given,
        is locked out or erased. Recorded in its call's chain."""
        async with self._database.write("redeem a grant") as connection:
            return await grants.spend(connection, jti, now, customer_ref)

    async def revoke_grants(self, jtis: Collection[str], why: str, now: float) -> int:
        """Revoke those of these grants that are not yet spent; how many. Recorded in their calls' chains."""
        async with self._database.write("revoke grants") as connection:
            return await grants.revoke(connection, jtis, why, now)


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
    name = func.coalesce(subjects.c.ref, calls.c.customer_ref)
    named = calls.outerjoin(subjects, subjects.c.subject == calls.c.customer_ref)
    return select(name).select_from(named).where(calls.c.call_id == call_id).scalar_subquery()
