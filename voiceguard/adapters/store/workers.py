"""Which workers live, which calls they hold, and which of them runs a job; `Store.workers`.

Times are those of the database's clock on PostgreSQL, so that workers on machines whose clocks differ agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Double, cast, delete, func, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from voiceguard.adapters.store.database import Database
from voiceguard.adapters.store.tables import actions, leases, live_calls, workers

SILENT_S = 6.0
"""A worker that has not written for so long counts as dead, and others end its calls."""


class Workers:
    """Beats of workers, their claims on calls, and leases on jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, worker: str, now: float) -> None:
        """Say that this worker lives; `now` is used where the database has no clock of its own. Raises StoreError."""
        at = self._clock(now)
        async with self._database.write("note a worker") as connection:
            beaten = await connection.execute(update(workers).where(workers.c.worker == worker).values(seen_at=at))
            if beaten.rowcount == 0:
                await connection.execute(insert(workers).values(worker=worker, seen_at=at))

    async def count(self) -> int:
        """How many workers have said that they live and were not forgotten. Raises StoreError."""
        async with self._database.read("count workers") as connection:
            return (await connection.execute(select(func.count()).select_from(workers))).scalar_one()

    async def claim(self, call_id: str, worker: str, now: float) -> str | None:
        """Take a call for this worker. Returns None, or the living worker that holds it. Raises StoreError."""
        async with self._database.write("claim a call") as connection:
            try:
                async with connection.begin_nested():
                    await connection.execute(insert(live_calls).values(call_id=call_id, worker=worker, at=now))
                return None
            except IntegrityError:
                pass
            alive = select(workers.c.worker).where(workers.c.seen_at >= self._clock(now) - SILENT_S)
            taken = await connection.execute(
                update(live_calls)
                .where(live_calls.c.call_id == call_id, or_(
                    live_calls.c.worker == worker, live_calls.c.worker.not_in(alive)
                ))
                .values(worker=worker, at=now)
            )
            return None if taken.rowcount else await _owner(connection, call_id)

    async def release(self, call_id: str, worker: str) -> None:
        """Give up this worker's claim on a call. Raises StoreError."""
        async with self._database.write("release a call") as connection:
            await connection.execute(
                delete(live_calls).where(live_calls.c.call_id == call_id, live_calls.c.worker == worker)
            )

    async def held(self, worker: str) -> frozenset[str]:
        """The calls that this worker holds. Raises StoreError."""
        async with self._database.read("list a worker's calls") as connection:
            query = select(live_calls.c.call_id).where(live_calls.c.worker == worker)
            return frozenset((await connection.execute(query)).scalars())

    async def owner(self, call_id: str) -> str | None:
        """The worker that holds a call; None for none. Raises StoreError."""
        async with self._database.read("find a call's worker") as connection:
            return await _owner(connection, call_id)

    async def owner_of_action(self, action_id: str) -> str | None:
        """The worker that holds the call of a recorded action; None for none. Raises StoreError."""
        query = (
            select(live_calls.c.worker).join(actions, actions.c.call_id == live_calls.c.call_id)
            .where(actions.c.action_id == action_id)
        )
        async with self._database.read("find an action's worker") as connection:
            return (await connection.execute(query)).scalars().first()

    async def lost(self, worker: str, now: float, *, alone: bool) -> Mapping[str, Sequence[str]]:
        """The calls of dead workers: worker to call ids. `alone`: every worker but this one is dead.

        Raises StoreError.
        """
        query = (
            select(live_calls.c.worker, live_calls.c.call_id)
            .outerjoin(workers, workers.c.worker == live_calls.c.worker)
            .where(live_calls.c.worker != worker)
        )
        if not alone:
            query = query.where(or_(workers.c.worker.is_(None), workers.c.seen_at < self._clock(now) - SILENT_S))
        lost: dict[str, list[str]] = {}
        async with self._database.read("look for lost calls") as connection:
            for owner, call_id in await connection.execute(query):
                lost.setdefault(owner, []).append(call_id)
        return lost

    async def forget(self, worker: str) -> None:
        """This worker has ended in order, or its calls were ended for it. Raises StoreError."""
        async with self._database.write("forget a worker") as connection:
            await connection.execute(delete(live_calls).where(live_calls.c.worker == worker))
            await connection.execute(delete(workers).where(workers.c.worker == worker))

    async def lease(self, job: str, worker: str, now: float, for_s: float) -> bool:
        """Take, or keep, a job for some seconds; False while another worker has it. Raises StoreError."""
        clock = self._clock(now)
        async with self._database.write("lease a job") as connection:
            taken = await connection.execute(
                update(leases)
                .where(leases.c.job == job, or_(leases.c.worker == worker, leases.c.until <= clock))
                .values(worker=worker, until=clock + for_s)
            )
            if taken.rowcount:
                return True
            try:
                async with connection.begin_nested():
                    await connection.execute(insert(leases).values(job=job, worker=worker, until=clock + for_s))
            except IntegrityError:
                return False
        return True

    def _clock(self, now: float) -> ColumnElement[float]:
        if self._database.engine.dialect.name == "postgresql":
            return cast(func.extract("epoch", func.clock_timestamp()), Double)
        return literal(now)


async def _owner(connection: AsyncConnection, call_id: str) -> str | None:
    query = select(live_calls.c.worker).where(live_calls.c.call_id == call_id)
    return (await connection.execute(query)).scalar_one_or_none()
