"""Going on from a copy of the database: what may have been used up since the copy was made is used up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import grants
from voiceguard.adapters.store.tables import chain_heads, checkpoints, customers, people, sessions
from voiceguard.adapters.store.users import record_act
from voiceguard.audit.checkpoint import Mark
from voiceguard.text.pii import mask

STEP_S = 30
"""Of a time-based one-time code (RFC 6238)."""


@dataclass(frozen=True)
class Closed:
    """How much was used up."""

    grants: int
    sessions: int


async def accept(
    connection: AsyncConnection, lost: Mark | None, *, by: str, reason: str, now: float, retired_keys: Sequence[str],
) -> Closed:
    """Use up open grants, codes of this minute and sessions, and record the restore. `lost`: the mark that the database
    does not lead to; None where the mark itself is gone."""
    revoked = await grants.revoke_open(connection, "restored", now)
    step = int(now) // STEP_S + 1  # the newest one that would be accepted now
    for table in (customers, people):
        await connection.execute(update(table).where(table.c.last_totp_step < step).values(last_totp_step=step))
    ended = await connection.execute(delete(sessions))
    kept = (await connection.execute(select(func.max(checkpoints.c.checkpoint_id)))).scalar_one()
    records = (await connection.execute(select(func.coalesce(func.sum(chain_heads.c.count), 0)))).scalar_one()
    await record_act(
        connection, now, "restored", by=by, reason=mask(reason), kept_checkpoint=kept, kept_records=int(records),
        lost=None if lost is None else asdict(lost), grants_revoked=revoked, sessions_ended=ended.rowcount,
        retired_keys=list(retired_keys),
    )
    return Closed(revoked, ended.rowcount)
