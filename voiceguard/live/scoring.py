"""The windows of one call on their way through the models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voiceguard.events import ScoreMissing, ScoreReceived, ScoreRequested
from voiceguard.live.context import LiveContext
from voiceguard.measures.drift import describe


class Scoring:
    """Asks the scheduler for scores and hands each answer to `receive`."""

    def __init__(self, context: LiveContext, receive: Callable[[ScoreReceived | ScoreMissing], None]) -> None:
        self._context = context
        self._receive = receive
        self._running: set[asyncio.Task[None]] = set()

    def ask(self, request: ScoreRequested) -> None:
        """Ask for a window's score; the answer comes by `receive`."""
        task = asyncio.create_task(self._score(request))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def idle(self) -> None:
        """Return when every score that was asked for has been received."""
        while self._running:
            await asyncio.wait(self._running)

    def cancel(self) -> None:
        """Ask no more."""
        for task in self._running:
            task.cancel()

    async def _score(self, request: ScoreRequested) -> None:
        task, loop, metrics = request.window.task, asyncio.get_running_loop(), self._context.metrics
        began = loop.time()
        answer = await self._context.scheduler.score(request, self)
        metrics.windows.labels(task, getattr(answer, "reason", "scored")).inc()
        metrics.score_seconds.labels(task).observe(loop.time() - began)
        self._receive(answer)
        if isinstance(answer, ScoreReceived) and task == "synthetic_voice":
            self._context.drift.add({"score": float(answer.output[0]), **describe(request.window.samples)})
