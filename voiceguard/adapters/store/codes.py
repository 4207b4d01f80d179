"""One-time codes of each customer over all calls: wrong ones in a row, and how many were sent.

Wrong codes lock a customer out for waits that double with every further lock-out, up to a day. A right code clears the
count; at 100 only a person does (NIST SP 800-63B-4 section 3.2.2, Regulation (EU) 2018/389 article 4). While a customer
is locked out, a right code and a wrong one get the same answer.
"""

from __future__ import annotations

import math
from dataclasses import replace

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import grants
from voiceguard.adapters.store.database import Refused, put
from voiceguard.adapters.store.tables import customers, sent_codes, wrong_codes
from voiceguard.events import ActionDecided, ActionState, Decision, Reason
from voiceguard.policy.lockouts import LockoutTerms, is_blocked, wait_s


class TooManyCodes(Refused):
    """As many codes were sent to the customer within an hour as may be."""


HOUR_S = 3600.0
_NAMED_CALLS = 10
"""Calls with wrong codes that are named, the newest first."""
_LOCKED = Reason("customer_locked", "Too many wrong codes were entered for this customer, so no code is taken now.")
UNKNOWN = Reason("customer_unknown", "Nobody knows the customer of this action now.")
_TOO_MANY = Reason("too_many_tries", "Too many wrong codes.")


async def judge(
    connection: AsyncConnection, call_id: str, decided: ActionDecided, at: float, terms: LockoutTerms
) -> ActionDecided:
    """The decision that follows from an entered code, with what the customer's other calls have tried counted in."""
    code, ref = decided.code, decided.customer_ref
    assert code is not None
    query = select(customers.c.locked_until).where(customers.c.ref == ref).with_for_update()
    locked_until = (await connection.execute(query)).scalar_one_or_none()
    if ref is None or locked_until is None:
        return denied(decided, UNKNOWN)
    _, codes = await _counts(connection, ref)
    if at < locked_until or is_blocked(codes):
        return denied(decided, _LOCKED)
    if code.is_right:
        await _accept(connection, ref, decided.accepted_totp_step)
        return decided
    return await _count_wrong(connection, call_id, ref, decided, at, terms)


async def locked_until(connection: AsyncConnection, ref: str, until: float) -> tuple[float, tuple[str, ...]]:
    """Until when no code of this customer is taken, inf: until a person lifts it; and the calls with wrong codes."""
    rows = (await connection.execute(
        select(wrong_codes.c.call_id, wrong_codes.c.codes).where(wrong_codes.c.customer_ref == ref)
        .order_by(wrong_codes.c.at.desc())
    )).all()
    calls = tuple(row.call_id for row in rows[:_NAMED_CALLS])
    return (math.inf if is_blocked(sum(row.codes for row in rows)) else until), calls


async def clear(connection: AsyncConnection, ref: str) -> int:
    """Forget a customer's wrong codes; how many there were."""
    _, codes = await _counts(connection, ref)
    await connection.execute(delete(wrong_codes).where(wrong_codes.c.customer_ref == ref))
    return codes


async def count_sent(connection: AsyncConnection, ref: str, now: float, limit: int) -> None:
    """Count a code that will be sent. Raises TooManyCodes where `limit` were sent to the customer within an hour."""
    await connection.execute(delete(sent_codes).where(sent_codes.c.at <= now - HOUR_S))
    query = select(func.count()).select_from(sent_codes).where(sent_codes.c.customer_ref == ref)
    if (await connection.execute(query)).scalar_one() >= limit:
        raise TooManyCodes("too many codes were sent to this customer within an hour")
    await connection.execute(insert(sent_codes).values(customer_ref=ref, at=now))


def denied(decided: ActionDecided, reason: Reason, locked: float | None = None) -> ActionDecided:
    """The same decision as a denial, which tells nothing of the code that was entered."""
    return replace(
        decided, decision=Decision.DENY, state=ActionState.DENIED, rule=reason.code, reasons=(reason,), challenge=None,
        grant=None, person=None, accepted_totp_step=None, lock_customer_until=locked,
    )


async def _counts(connection: AsyncConnection, ref: str) -> tuple[int, int]:
    """Tries and compared codes of a customer that were wrong in a row, over all calls."""
    query = select(
        func.coalesce(func.sum(wrong_codes.c.tries), 0), func.coalesce(func.sum(wrong_codes.c.codes), 0)
    ).where(wrong_codes.c.customer_ref == ref)
    tries, codes = (await connection.execute(query)).one()
    return int(tries), int(codes)


async def _accept(connection: AsyncConnection, ref: str, step: int | None) -> None:
    """A right code clears the count, and its TOTP step opens nothing else."""
    if step is not None:
        moved = await connection.execute(
            update(customers).where(customers.c.ref == ref, customers.c.last_totp_step < step)
            .values(last_totp_step=step)
        )
        if moved.rowcount != 1:
            raise Refused("this code was used before")
    await clear(connection, ref)


async def _count_wrong(
    connection: AsyncConnection, call_id: str, ref: str, decided: ActionDecided, at: float, terms: LockoutTerms
) -> ActionDecided:
    assert decided.code is not None
    here = wrong_codes.c.customer_ref == ref, wrong_codes.c.call_id == call_id
    before = (await connection.execute(select(wrong_codes.c.tries, wrong_codes.c.codes).where(*here))).one_or_none()
    tries, codes = before or (0, 0)
    await put(
        connection, wrong_codes, {"customer_ref": ref, "call_id": call_id},
        {"tries": tries + 1, "codes": codes + decided.code.compared, "at": at},
    )
    tries, codes = await _counts(connection, ref)
    is_locked_here = decided.lock_customer_until is not None
    if not is_locked_here and tries % terms.tries and not is_blocked(codes):
        assert decided.challenge is not None
        left = min(decided.challenge.tries_left, terms.tries - tries % terms.tries)
        return replace(decided, challenge=replace(decided.challenge, tries_left=left))
    until = at + wait_s(tries, terms)
    await grants.revoke_of_customer(connection, ref, "locked_out", at)
    await connection.execute(update(customers).where(customers.c.ref == ref).values(locked_until=until))
    return denied(decided, _TOO_MANY, until)
