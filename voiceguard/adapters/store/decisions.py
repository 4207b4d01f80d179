"""Decisions on actions, and what each of them changes: the action, its grant, the customer's lock and last code."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import chains, codes, consents, grants, pseudonyms, tables
from voiceguard.adapters.store.audit_check import grant_row
from voiceguard.adapters.store.database import Database
from voiceguard.adapters.store.tables import customers
from voiceguard.events import ActionDecided, as_record
from voiceguard.policy.lockouts import LockoutTerms


class Decisions:
    """Records decisions and redeems their grants; `Store.decisions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(
        self, call_id: str, decided: ActionDecided, *, at: float, models: Mapping[str, str], policy: str,
        terms: LockoutTerms,
    ) -> ActionDecided:
        """Record a decision and everything that it changes: the action, its grant, and of the action's own customer
        wrong codes, lock-out and last TOTP step. Returns the decision as it stands: an entered code is judged beside
        those of the customer's other calls, and nothing is granted for a customer whom nobody knows any more.

        Raises Refused for a TOTP step that another call has used, so that one code opens one thing, and TooManyCodes
        for a challenge whose code would be one too many for its customer.
        """
        async with self._database.write("record a decision") as connection:
            if decided.code is not None:
                decided = await codes.judge(connection, call_id, decided, at, terms)
            elif decided.challenge is not None and decided.challenge.method == "delivered_code":
                await codes.count_sent(connection, decided.customer_ref or "", at, terms.per_hour)
            if decided.grant is not None and not await _is_known(connection, decided.grant.customer_ref):
                decided = codes.denied(decided, codes.UNKNOWN)
            record = {
                "kind": "decision", "at": at, **as_record(decided), "models": dict(models), "policy": policy,
            }
            hidden = await pseudonyms.hide(connection, record, self._database.cipher_or_none)
            rested_on = await consents.resting_on(connection, call_id, at)
            await chains.append(connection, call_id, [{**hidden, "kind": "decision", "consents": rested_on}])
            if decided.grant is not None:
                await connection.execute(insert(tables.grants).values(call_id=call_id, **grant_row(record)))
            if decided.lock_customer_until is not None and decided.customer_ref is not None:
                await grants.revoke_of_customer(connection, decided.customer_ref, "locked_out", at)
        return decided

    async def redeem_grant(self, jti: str, now: float, customer_ref: str | None = None) -> bool:
        """Spend a recorded grant; False when it is spent, revoked, unknown or expired, and when its customer, if given,
        is locked out or erased. Recorded in its call's chain."""
        async with self._database.write("redeem a grant") as connection:
            return await grants.spend(connection, jti, now, customer_ref)

    async def revoke_grants(self, jtis: Collection[str], why: str, now: float) -> int:
        """Revoke those of these grants that are not yet spent; how many. Recorded in their calls' chains."""
        async with self._database.write("revoke grants") as connection:
            return await grants.revoke(connection, jtis, why, now)


async def _is_known(connection: AsyncConnection, ref: str) -> bool:
    query = select(customers.c.ref).where(customers.c.ref == ref)
    return (await connection.execute(query)).one_or_none() is not None
