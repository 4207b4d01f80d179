"""Grants in the store: spent once, and dead as soon as what they rested on is gone. Inside somebody's transaction."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, delete, select, true, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import chains
from voiceguard.adapters.store.tables import actions, audit_events, call_keys, calls, customers, grants, subjects


async def spend(connection: AsyncConnection, jti: str, now: float, customer_ref: str | None) -> bool:
    """Spend a grant, on record; False when it is spent, revoked, unknown or expired, and when its customer, if given,
    is erased, or locked out and no person approved it."""
    if customer_ref is not None:
        query = select(customers.c.locked_until).where(customers.c.ref == customer_ref).with_for_update()
        locked_until = (await connection.execute(query)).scalar_one_or_none()
        if locked_until is None or (now < locked_until and not await _is_approved(connection, jti)):
            return False
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


async def _is_approved(connection: AsyncConnection, jti: str) -> bool:
    same = actions.c.call_id == grants.c.call_id, actions.c.action_id == grants.c.action_id
    query = select(actions.c.person).join(grants, and_(*same)).where(grants.c.jti == jti)
    return (await connection.execute(query)).scalar_one_or_none() is not None


async def revoke(connection: AsyncConnection, jtis: Collection[str], why: str, now: float) -> int:
    """Revoke those of these that are not yet spent; how many."""
    return await _revoke(connection, grants.c.jti.in_(jtis), why, now)


async def revoke_of_customer(connection: AsyncConnection, ref: str, why: str, now: float) -> int:
    """Revoke what is not yet spent of one customer, over all calls; how many."""
    names = [ref, *(await connection.execute(select(subjects.c.subject).where(subjects.c.ref == ref))).scalars()]
    # A call id that was used again belongs to its newest customer; the keys remember the earlier ones.
    theirs = union(
        select(calls.c.call_id).where(calls.c.customer_ref.in_(names)),
        select(call_keys.c.call_id).where(call_keys.c.subject.in_(names)),
    )
    of_their_calls = select(grants.c.jti, grants.c.call_id).where(
        grants.c.call_id.in_(theirs.subquery().select()), grants.c.redeemed_at.is_(None), grants.c.expires_at > now
    )
    found = (await connection.execute(of_their_calls)).all()
    own = [jti for jti, call_id in found if await _customer_of(connection, call_id, jti) in names]
    return await _revoke(connection, grants.c.jti.in_(own), why, now)


async def _customer_of(connection: AsyncConnection, call_id: str, jti: str) -> str | None:
    """Whom the decision with this grant names."""
    query = select(audit_events.c.record).where(audit_events.c.chain == call_id).order_by(audit_events.c.seq.desc())
    for record in (await connection.execute(query)).scalars():
        if jti.encode() in record:
            grant = json.loads(record).get("grant")
            if grant is not None and grant["jti"] == jti:
                return str(grant["customer_ref"])
    return None


async def revoke_open(connection: AsyncConnection, why: str, now: float) -> int:
    """Revoke everything that is not yet spent; how many."""
    return await _revoke(connection, true(), why, now)


async def _revoke(connection: AsyncConnection, which: ColumnElement[bool], why: str, now: float) -> int:
    """Those that have expired are worth nothing and stay."""
    gone = (await connection.execute(
        delete(grants).where(which, grants.c.redeemed_at.is_(None), grants.c.expires_at > now)
        .returning(grants.c.call_id, grants.c.action_id, grants.c.jti)
    )).all()
    for grant in gone:
        record = {"kind": "grant_revoked", "at": now, "action_id": grant.action_id, "jti": grant.jti, "reason": why}
        await chains.append(connection, grant.call_id, [record])
    return len(gone)
