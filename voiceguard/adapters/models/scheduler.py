"""Windows of all calls in, scores out: batches per model, a thread for each core, a bounded queue and a deadline.

A window that finds the queue full, waits past its deadline or meets a failing model comes back as `ScoreMissing` with
the reason; nothing here ever invents a score.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray

from voiceguard.adapters.logs import described
from voiceguard.adapters.models.fair_queue import FairQueue
from voiceguard.errors import ModelError
from voiceguard.events import Samples, ScoreMissing, ScoreReceived, ScoreRequested, Task

Scorer = Callable[[Sequence[Samples]], NDArray[np.float32]]
"""Windows of net speech to raw outputs (batch, ...); whatever it raises is a missing score. Runs in a worker thread."""

Answer = ScoreReceived | ScoreMissing

log = structlog.get_logger()


MAX_BATCH = 4
"""Windows per model run: past this, batching saves nothing on a CPU and only delays the first of the batch."""
MAX_WAITING = 256
"""Windows waiting per model; past this the call with the most of them loses its newest."""


@dataclass(eq=False)
class _Job:
    request: ScoreRequested
    answer: asyncio.Future[Answer]


@dataclass(eq=False)
class _Lane:
    task: Task
    scorer: Scorer
    queue: FairQueue[_Job]
    worker: asyncio.Task[None] | None = None


class Scheduler:
    """One lane (queue, batcher) per model, of which as many run at once as there are cores. Use as an async context
    manager.

    `deadline_s`: a window not answered by then, in seconds, is missing.
    """

    def __init__(self, scorers: Mapping[Task, Scorer], *, deadline_s: float = 2.0) -> None:
        self._deadline_s = deadline_s
        # A core that two models share gives both their scores late, one after the other only the second.
        self._pool = ThreadPoolExecutor(_cores(), "scorer")
        self._lanes = {
            task: _Lane(task, scorer, FairQueue(MAX_WAITING)) for task, scorer in scorers.items()
        }

    async def __aenter__(self) -> Scheduler:
        for task, lane in self._lanes.items():
            lane.worker = asyncio.create_task(self._work(lane), name=f"scheduler:{task}")
        return self

    async def __aexit__(self, *_: object) -> None:
        for lane in self._lanes.values():
            if lane.worker is not None:
                lane.worker.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def waiting(self) -> int:
        """Windows queued now, over all models."""
        return sum(len(lane.queue) for lane in self._lanes.values())

    async def score(self, request: ScoreRequested, owner: Hashable = None) -> Answer:
        """The window's score, or why there is none; never later than the deadline.

        `owner`: whose window it is. Owners are served in turn, so that a call with many windows delays no other's.
        """
        task = request.window.task
        lane = self._lanes.get(task)
        if lane is None:
            return ScoreMissing(request.window_id, task, "model_missing")
        job = _Job(request, asyncio.get_running_loop().create_future())
        given_up = lane.queue.put(owner, job)
        if given_up is not None and not given_up.answer.done():
            given_up.answer.set_result(ScoreMissing(given_up.request.window_id, task, "queue_full"))
        try:
            return await asyncio.wait_for(job.answer, self._deadline_s)
        except TimeoutError:
            return ScoreMissing(request.window_id, task, "deadline")

    async def _work(self, lane: _Lane) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await lane.queue.wait()
            jobs = lane.queue.take(MAX_BATCH)
            # Those whose deadline has passed were answered already: scoring them would only delay the living.
            jobs = [job for job in jobs if not job.answer.done()]
            if not jobs:
                continue
            windows = [job.request.window.samples for job in jobs]
            try:
                outputs = await loop.run_in_executor(self._pool, lane.scorer, windows)
                if len(outputs) != len(windows):
                    raise ModelError(f"the model gave {len(outputs)} scores for {len(windows)} windows")
            except Exception as error:  # whatever a model raises, its lane must live on for the next window
                log.error("a model failed", worker=lane.task, **described(error))
                outputs = None
            for index, job in enumerate(jobs):
                if not job.answer.done():
                    job.answer.set_result(_answer(job.request, None if outputs is None else outputs[index]))


def _cores() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _answer(request: ScoreRequested, output: NDArray[np.float32] | None) -> Answer:
    task = request.window.task
    if output is None or not np.isfinite(output).all():
        return ScoreMissing(request.window_id, task, "model_error")
    return ScoreReceived(request.window_id, task, np.atleast_1d(output))
