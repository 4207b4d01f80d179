"""The audit over all chains: checkpoints sign their heads, and verification finds what was changed behind them."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import insert, select, update

from voiceguard.adapters.store.audit_check import chains_after, check_chain, check_checkpoints
from voiceguard.adapters.store.database import Database
from voiceguard.adapters.store.tables import chain_heads, checkpoints
from voiceguard.audit.chain import Fault, Head, checkpoint_bytes, checkpoint_hash


class Audit:
    """Signs checkpoints and verifies the whole audit; `Store.audit`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def checkpoint(self, sign: Callable[[bytes], str], now: float) -> None:
        """Sign the heads of all chains that moved since the last checkpoint; nothing when none did."""
        moved = chain_heads.c.count.is_distinct_from(chain_heads.c.signed_count)
        async with self._database.write("sign a checkpoint") as connection:
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

    async def verify(self, verify: Callable[[bytes, str], bool]) -> list[Fault]:
        """Everything that was changed, removed, reordered, cut off or put in, in checkpoints, chains and tables.

        `verify` says whether a signature is this service's own. One chain is in memory at a time. What was rolled back
        together with the newest checkpoints shows only against a checkpoint that was kept elsewhere.
        """
        async with self._database.snapshot() as connection:
            found = await connection.run_sync(check_checkpoints, verify)
        last = ""
        while True:
            async with self._database.snapshot() as connection:
                chains = await connection.run_sync(chains_after, last)
            if not chains:
                return found
            for last in chains:
                async with self._database.snapshot() as connection:
                    found += await connection.run_sync(check_chain, last)
