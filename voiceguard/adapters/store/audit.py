"""The audit over all chains: checkpoints sign their heads, and verification finds what was changed behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store import restore
from voiceguard.adapters.store.audit_check import (
    Newest,
    chains_after,
    check_chain,
    check_checkpoints,
    check_counts,
    check_mark,
    check_sweeps,
    explains,
    is_text,
)
from voiceguard.adapters.store.database import LONG_S, Database, StoreError
from voiceguard.adapters.store.tables import chain_heads, checkpoints
from voiceguard.adapters.store.users import CHAIN
from voiceguard.audit.chain import Fault, Head
from voiceguard.audit.checkpoint import Mark, checkpoint_bytes, checkpoint_hash
from voiceguard.errors import VoiceguardError


class AuditBroken(VoiceguardError):
    """The database does not lead to the mark that is kept outside of it."""


@dataclass
class Verified:
    """What verification saw."""

    faults: list[Fault] = field(default_factory=list)
    calls: int = 0
    chains: int = 0
    """Calls, and the chain of what concerns no call."""
    records: int = 0
    checkpoints: int = 0
    first_at: float | None = None
    """Unix seconds of the earliest record; None for none."""
    last_at: float | None = None
    newest: Newest | None = None
    """The newest checkpoint."""
    restored: list[dict[str, Any]] = field(default_factory=list)
    """Records of restores that were accepted."""
    named_keys: set[str] = field(default_factory=set)
    """Kids of earlier signing keys that the records name."""


class Audit:
    """Signs checkpoints and verifies the whole audit; `Store.audit`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def checkpoint(
        self, sign: Callable[[bytes], str], now: float, *, after: Mark | None = None
    ) -> Mark | None:
        """Sign the heads of all chains that moved since the last checkpoint; nothing when none did.

        Returns the mark of the newest checkpoint, to be kept outside the database; None while there is none. Raises
        AuditBroken, and signs nothing, when the database does not lead to the mark `after`.
        """
        moved = chain_heads.c.count.is_distinct_from(chain_heads.c.signed_count)
        async with self._database.write("sign a checkpoint") as connection:
            if after is not None:
                await _demand(connection, after)
            rows = await connection.execute(
                select(chain_heads.c.chain, chain_heads.c.count, chain_heads.c.hash).where(moved).with_for_update()
            )
            heads = [Head(*row) for row in rows]
            if heads:
                newest = select(checkpoints.c.body).order_by(checkpoints.c.checkpoint_id.desc()).limit(1)
                last = (await connection.execute(newest)).scalar_one_or_none()
                body = checkpoint_bytes(heads, issued_at=now, previous=b"" if last is None else checkpoint_hash(last))
                made = insert(checkpoints).values(body=body, signature=sign(body))
                number = (await connection.execute(made.returning(checkpoints.c.checkpoint_id))).scalar_one()
                await connection.execute(
                    update(chain_heads).where(moved).values(signed_count=chain_heads.c.count, signed_in=number)
                )
        return await self._mark(now)

    async def demand(self, mark: Mark | None) -> None:
        """Raises AuditBroken when the database does not lead to this mark; for None, when it has any checkpoint."""
        async with self._database.read("compare the audit with its mark") as connection:
            await _demand(connection, mark)

    async def accept_restore(
        self, sign: Callable[[bytes], str], lost: Mark | None, *, by: str, reason: str, now: float,
        retired_keys: Sequence[str] = (),
    ) -> tuple[Mark, restore.Closed]:
        """Go on from the database as it is, though it does not lead to the mark `lost`; recorded, with who and why.

        What may have been used up after the database was copied is used up again: open grants, one-time codes of this
        minute, sessions. `retired_keys`: kids of earlier signing keys, which the database may be too old to name.
        Returns the new mark and how much was used up.
        """
        async with self._database.write("accept a restore", LONG_S) as connection:
            closed = await restore.accept(
                connection, lost, by=by, reason=reason, now=now, retired_keys=retired_keys
            )
        mark = await self.checkpoint(sign, now)
        assert mark is not None
        return mark, closed

    async def verify(
        self, verify: Callable[[bytes, str], bool], *, now: float, marks: Iterable[Mark] = (),
        witnessed: Iterable[Mark] = (),
    ) -> Verified:
        """Everything that was changed, removed, reordered, cut off or put in, in checkpoints, chains and tables, and
        every mark that the database does not lead to.

        Of the marks that a witness kept, those are no faults which an accepted restore explains. `verify` says whether
        a signature is this service's own. `now`: Unix seconds; what no checkpoint covers minutes later is a fault. One
        chain is in memory at a time.
        """
        seen = Verified()
        try:
            async with self._database.snapshot() as connection:
                seen.checkpoints, seen.newest, seen.faults = await connection.run_sync(check_checkpoints, verify)
        except StoreError as error:
            seen.faults.append(Fault("checkpoints", 0, "unreadable", str(error)))
        last, odd = "", 0
        while True:
            async with self._database.snapshot() as connection:
                chains: Sequence[Any] = await connection.run_sync(chains_after, last, odd)
            if not chains:
                break
            for chain in chains:
                if not is_text(chain):
                    odd += 1
                    seen.faults.append(Fault(ascii(chain), 0, "added", "a chain whose name is no text"))
                    continue
                last, odd = chain, 0
                await self._verify_chain(chain, now, seen)
        async with self._database.snapshot() as connection:
            seen.faults += await connection.run_sync(check_sweeps, CHAIN)
        async with self._database.snapshot() as connection:
            for mark in marks:
                found = await connection.run_sync(check_mark, mark, seen.restored)
                seen.faults += found or check_counts(mark, seen.chains, seen.records)
            for mark in witnessed:
                if not any(explains(restored, mark) for restored in seen.restored):
                    seen.faults += await connection.run_sync(check_mark, mark, ())
        return seen

    async def _verify_chain(self, chain: str, now: float, seen: Verified) -> None:
        try:
            async with self._database.snapshot() as connection:
                one = await connection.run_sync(check_chain, chain, now)
        except StoreError as error:
            seen.faults.append(Fault(chain, 0, "unreadable", str(error)))
            return
        seen.faults += one.faults
        seen.chains += 1
        seen.calls += chain != CHAIN
        seen.records += one.records
        seen.restored += one.restored
        seen.named_keys.update(one.named_keys)
        for at in one.times:
            seen.first_at = at if seen.first_at is None else min(seen.first_at, at)
            seen.last_at = at if seen.last_at is None else max(seen.last_at, at)

    async def _mark(self, now: float) -> Mark | None:
        newest = select(checkpoints).order_by(checkpoints.c.checkpoint_id.desc()).limit(1)
        async with self._database.read("read the newest checkpoint") as connection:
            row = (await connection.execute(newest)).one_or_none()
            if row is None:
                return None
            chains, records = (await connection.execute(
                select(func.count(), func.coalesce(func.sum(chain_heads.c.count), 0)).select_from(chain_heads)
            )).one()
        return Mark(row.checkpoint_id, checkpoint_hash(row.body).hex(), now, chains, int(records))


async def _demand(connection: AsyncConnection, mark: Mark | None) -> None:
    if mark is not None:
        found = await connection.run_sync(check_mark, mark, ())
        if found:
            raise AuditBroken(found[0].text)
    elif (count := (await connection.execute(select(func.count()).select_from(checkpoints))).scalar_one()):
        raise AuditBroken(f"the database has {count} checkpoints, and the mark that is kept outside of it is gone")
