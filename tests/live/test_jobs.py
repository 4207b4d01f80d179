"""Jobs beside the calls: a fault in one turn is logged and counted, and every later turn comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from tests.live.contexts import context
from voiceguard.adapters.store import StoreError
from voiceguard.live.jobs import JOBS, MISSED_PERIODS, Job, Jobs
from voiceguard.live.registry import Registry


def _failing(
    error: Exception, turns: list[int], good_from: int, done: asyncio.Event | None = None
) -> Callable[[Registry], Awaitable[None]]:
    async def run(_: Registry) -> None:
        turns.append(len(turns))
        if len(turns) < good_from:
            raise error
        if done is not None:
            done.set()

    return run


@pytest.mark.parametrize("error", [RuntimeError("secret value"), StoreError("disk full")])
def test_job_that_raises_is_run_again(error: Exception) -> None:
    """The next turn comes, the fault is counted under the job's name, and its log line names no value."""
    turns: list[int] = []

    async def run() -> Any:
        registry = Registry(context())
        done = asyncio.Event()
        job = Job("flaky", 0.0, "process", _failing(error, turns, good_from=3, done=done))
        async with Jobs(registry, (job,)):
            await done.wait()
        return registry.context.metrics.registry

    with structlog.testing.capture_logs() as lines:
        metrics = asyncio.run(run())

    assert 2.0 == metrics.get_sample_value("voiceguard_job_errors_total", {"job": "flaky"})
    assert ["flaky", "flaky"] == [line["job"] for line in lines]
    assert "secret value" not in str(lines)


def test_job_without_a_good_turn_is_late() -> None:
    """A job that fails for longer than so many periods is named; one that runs is not."""

    async def run() -> tuple[list[str], list[str]]:
        loop, now = asyncio.get_running_loop(), [0.0]
        jobs = (
            Job("good", 60.0, "process", _failing(RuntimeError(), [], good_from=0)),
            Job("bad", 60.0, "process", _failing(RuntimeError(), [], good_from=99)),
        )
        running = Jobs(Registry(context()), jobs)
        loop.time = lambda: now[0]  # type: ignore[method-assign]
        async with running:
            for job in jobs:
                await running.turn(job)
            early = running.late()
            now[0] = 60.0 * MISSED_PERIODS + 1.0
            await running.turn(jobs[0])
            await running.turn(jobs[1])
            return early, running.late()

    assert ([], ["bad"]) == asyncio.run(run())


def test_table_names_every_job_once() -> None:
    """Names are metric labels, so each is its own."""
    assert len(JOBS) == len({job.name for job in JOBS})
    assert all(job.period_s > 0 for job in JOBS)
