"""The jobs that run beside the calls: one table, each turn guarded, logged and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog

from voiceguard.adapters.logs import described
from voiceguard.adapters.store import StoreError
from voiceguard.live.earlier import end_lost
from voiceguard.live.gallery import REFRESH_S
from voiceguard.live.registry import Registry
from voiceguard.measures.outcomes import rates, total

CHECKPOINT_S = 60.0
SWEEP_REST_S = 0.02
"""Between two batches of a sweep, so that the calls' own records come first."""
CLAIMS_S = 2.0
"""Period in which a worker says that it lives; dead ones are found in the same."""
OUTCOMES_S = 600.0
OUTCOMES_OF_S = 7 * 86400.0
LEASE_PERIODS = 3
"""A worker keeps a job of the cluster for so many periods after its last turn."""
MISSED_PERIODS = 5
"""A job without a good turn for so many periods is late."""
_LEAST_LATE_S = 10.0
"""A shorter pause of the event loop makes no job late."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Job:
    """One line of the table."""

    name: str
    period_s: float
    scope: Literal["process", "cluster"]
    """`process`: every process runs it; `cluster`: it changes the store, so one process at a time is enough."""
    run: Callable[[Registry], Awaitable[None]]


async def time_outs(registry: Registry) -> None:
    """Let every call's time-outs fire."""
    registry.tick()


async def follow_consents(registry: Registry) -> None:
    """Let withdrawn consents bite. Raises StoreError."""
    await registry.follow_consents()


async def refresh_voices(registry: Registry) -> None:
    """Read the lists of voices anew. Raises StoreError."""
    await registry.context.voices.refresh(registry.context.now())


async def checkpoint(registry: Registry) -> None:
    """Sign a checkpoint over all chains that moved. Raises as `AuditSeal.checkpoint`; the next one covers the same
    records."""
    await registry.context.seal.checkpoint(registry.context.now())


async def delete_expired_sessions(registry: Registry) -> None:
    """Delete sessions that ended by themselves. Raises StoreError."""
    now, desk = registry.context.now(), registry.context.settings.desk
    await registry.context.store.users.forget_sessions(
        created_before=now - desk.session_absolute_s, seen_before=now - desk.session_idle_s
    )


async def keep_claims(registry: Registry) -> None:
    """Say that this worker lives, and claim its calls. Raises StoreError."""
    await registry.keep_claims()


async def end_lost_calls(registry: Registry) -> None:
    """End the calls of dead workers, in their chains and on the page. Raises StoreError; the next turn goes on."""
    context = registry.context
    lost = await context.store.workers.lost(context.bus.worker, context.now(), alone=context.bus.is_alone)
    for worker, calls in lost.items():
        for call_id in calls:
            await end_lost(context.store, call_id, context.now())
            log.warning("a call is lost: its process died", call_id=call_id)
        if registry.cluster is not None:
            registry.cluster.lose_worker(worker)
        await context.store.workers.forget(worker)


async def sweep_retention(registry: Registry) -> None:
    """End what is due by the retention settings, a few calls at a time, so that no live call waits. Raises StoreError.
    """
    context = registry.context
    ended = {"": 1}
    while ended:
        await asyncio.sleep(SWEEP_REST_S)
        ended = await context.store.retention.sweep(context.settings.retention, context.now())


async def sum_up_outcomes(registry: Registry) -> None:
    """Show what came of the last week's calls. Raises StoreError."""
    context, now = registry.context, registry.context.now()
    found = await context.store.outcomes.counts(now - OUTCOMES_OF_S, now, now=now)
    for measure, rate in rates(total(found.values())).items():
        if rate.per_1000 is not None:
            context.metrics.outcomes.labels(measure).set(rate.per_1000)


CHECKPOINT = Job("audit checkpoint", CHECKPOINT_S, "cluster", checkpoint)
CLAIMS = Job("claims", CLAIMS_S, "process", keep_claims)
JOBS: Sequence[Job] = (
    Job("time-outs", 0.25, "process", time_outs),
    Job("consents", 0.5, "process", follow_consents),
    Job("voice lists", REFRESH_S, "process", refresh_voices),
    CLAIMS,
    Job("lost calls", CLAIMS_S, "cluster", end_lost_calls),
    CHECKPOINT,
    Job("retention", 3600.0, "cluster", sweep_retention),
    Job("outcomes", OUTCOMES_S, "cluster", sum_up_outcomes),
    Job("expired sessions", CHECKPOINT_S, "cluster", delete_expired_sessions),
)


class Jobs:
    """Runs a table of jobs, each in a task of its own; use as an async context manager."""

    def __init__(self, registry: Registry, jobs: Sequence[Job] = JOBS) -> None:
        self._registry = registry
        self._jobs = jobs
        self._tasks: list[asyncio.Task[None]] = []
        self._good_at: dict[str, float] = {}
        """Name to the loop's time of the last turn without a fault."""
        self._store_failed: set[str] = set()
        """Names of the jobs whose last turn the store failed."""

    async def __aenter__(self) -> Jobs:
        now = asyncio.get_running_loop().time()
        self._good_at = {job.name: now for job in self._jobs}
        self._tasks = [asyncio.create_task(self._repeat(job), name=f"job:{job.name}") for job in self._jobs]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def late(self) -> list[str]:
        """Names of the jobs that had no good turn for `MISSED_PERIODS` periods."""
        now = asyncio.get_running_loop().time()
        return [
            job.name for job in self._jobs
            if now - self._good_at[job.name] > max(MISSED_PERIODS * job.period_s, _LEAST_LATE_S)
        ]

    @property
    def is_store_failing(self) -> bool:
        """Whether the last beat of this worker, a small write of every `CLAIMS_S` seconds, could not be written."""
        return CLAIMS.name in self._store_failed

    async def turn(self, job: Job) -> None:
        """Run a job once; what it raises is counted and logged."""
        context = self._registry.context
        metrics = context.metrics
        try:
            if job.scope == "process" or await self._leased(job):
                await job.run(self._registry)
        except Exception as error:  # whatever a job raises, its next turn must come
            metrics.store_errors.inc(isinstance(error, StoreError))
            if isinstance(error, StoreError):
                self._store_failed.add(job.name)
            metrics.job_errors.labels(job.name).inc()
            log.error("a job failed and will be tried again", job=job.name, **described(error))
        else:
            self._store_failed.discard(job.name)
            self._good_at[job.name] = asyncio.get_running_loop().time()

    async def _leased(self, job: Job) -> bool:
        context = self._registry.context
        return context.bus.is_alone or await context.store.workers.lease(
            job.name, context.bus.worker, context.now(), LEASE_PERIODS * job.period_s
        )

    async def _repeat(self, job: Job) -> None:
        while True:
            await self.turn(job)
            await asyncio.sleep(job.period_s)
