"""Windows of many calls through one queue a model: order, batches, refusals and deadlines."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceguard.adapters.models.scheduler import MAX_BATCH, MAX_WAITING, Scheduler
from voiceguard.errors import ModelError
from voiceguard.events import Samples, ScoreMissing, ScoreReceived, ScoreRequested, Task, Window


def request(number: int, task: Task = "synthetic_voice") -> ScoreRequested:
    """A window whose only sample is its number."""
    return ScoreRequested(number, Window(task, np.array([number], np.float32), 2.0, 2.0))


class Model:
    """Gives every window its own first sample back, while its gate is open, and keeps what came in which batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.threads: set[str] = set()
        self.at_work = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, windows: Sequence[Samples]) -> Any:
        self.at_work.set()
        self.gate.wait(20)
        self.batches.append([int(window[0]) for window in windows])
        self.threads.add(threading.current_thread().name)
        return np.array([[window[0]] for window in windows], np.float32)


def answers(scorers: Any, requests: Sequence[ScoreRequested]) -> list[Any]:
    """What a scheduler says to requests that come at once."""
    async def run() -> list[Any]:
        async with Scheduler(scorers, deadline_s=60.0) as scheduler:
            return await asyncio.gather(*(scheduler.score(each) for each in requests))

    return asyncio.run(run())


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 999), st.booleans()), max_size=40))
def test_every_window_gets_its_own_score(asked: list[tuple[int, bool]]) -> None:
    """However windows of two models are mixed and batched, each gets the answer to itself, and batches are bounded."""
    models: dict[Task, Model] = {"synthetic_voice": Model(), "speaker_embedding": Model()}
    requests = [request(number, "speaker_embedding" if other else "synthetic_voice") for number, other in asked]

    for each, answer in zip(requests, answers(models, requests), strict=True):
        assert isinstance(answer, ScoreReceived)
        assert (each.window_id, each.window.task, [float(each.window_id)]) == (
            answer.window_id, answer.task, answer.output.tolist()
        )
    assert all(len(batch) <= MAX_BATCH for model in models.values() for batch in model.batches)


def test_waiting_windows_are_batched_off_the_event_loop() -> None:
    """What waits while a batch runs goes together in the next, in a thread beside the event loop's."""
    model = Model()

    async def run() -> None:
        async with Scheduler({"synthetic_voice": model}, deadline_s=60.0) as scheduler:
            model.gate.clear()
            first = asyncio.create_task(scheduler.score(request(0)))
            await asyncio.to_thread(model.at_work.wait, 20)
            others = [asyncio.create_task(scheduler.score(request(number))) for number in range(1, 7)]
            await asyncio.sleep(0)
            model.gate.set()
            await asyncio.gather(first, *others)

    asyncio.run(run())
    assert [[0], [1, 2, 3, 4], [5, 6]] == model.batches
    assert threading.current_thread().name not in model.threads


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_one_core_runs_one_model_at_a_time() -> None:
    """A second model begins when the first is done: sharing the core would make both late."""
    first, second = Model(), Model()

    async def run() -> None:
        async with Scheduler({"synthetic_voice": first, "speaker_embedding": second}, deadline_s=60.0) as scheduler:
            first.gate.clear()
            held = asyncio.create_task(scheduler.score(request(1)))
            await asyncio.to_thread(first.at_work.wait, 20)
            other = asyncio.create_task(scheduler.score(request(2, "speaker_embedding")))
            for _ in range(5):  # it waits for a thread now, no more in its lane
                await asyncio.sleep(0)
            assert 0 == scheduler.waiting
            first.gate.set()
            await asyncio.gather(held, other)

    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        asyncio.run(run())
    finally:
        os.sched_setaffinity(0, cores)
    assert ([[1]], [[2]]) == (first.batches, second.batches)
    assert first.threads == second.threads


def test_full_queue_refuses_at_once() -> None:
    """More windows than may wait are missing, and say why; those that wait are scored."""
    model = Model()

    async def run() -> list[Any]:
        async with Scheduler({"synthetic_voice": model}, deadline_s=60.0) as scheduler:
            model.gate.clear()
            tasks = [asyncio.create_task(scheduler.score(request(number))) for number in range(MAX_WAITING + 3)]
            refused = [await task for task in tasks[MAX_WAITING:]]
            model.gate.set()
            return [*[await task for task in tasks[:MAX_WAITING]], *refused]

    scored = asyncio.run(run())
    assert [ScoreReceived] * MAX_WAITING + [ScoreMissing] * 3 == [type(answer) for answer in scored]
    assert {"queue_full"} == {answer.reason for answer in scored[MAX_WAITING:]}


def test_late_score_is_missing() -> None:
    """A window that is not answered by its deadline is missing, and what is dead is not scored any more."""
    model, first = Model(), range(MAX_BATCH)

    async def run() -> list[Any]:
        loop, ahead_s = asyncio.get_running_loop(), 0.0
        clock = loop.time
        loop.time = lambda: clock() + ahead_s  # type: ignore[method-assign]
        async with Scheduler({"synthetic_voice": model}, deadline_s=60.0) as scheduler:
            model.gate.clear()
            asked = [asyncio.create_task(scheduler.score(request(number))) for number in range(MAX_BATCH + 2)]
            await asyncio.to_thread(model.at_work.wait, 20)
            ahead_s += 61.0
            late = await asyncio.gather(*asked)
            model.gate.set()
            return [*late, await scheduler.score(request(9))]

    *late, again = asyncio.run(run())
    assert [("deadline", number) for number in range(MAX_BATCH + 2)] == [
        (answer.reason, answer.window_id) for answer in late
    ]
    assert [9.0] == again.output.tolist()
    assert [[*first], [9]] == model.batches


def _raises(error: Exception) -> Any:
    def model(_: Sequence[Samples]) -> Any:
        raise error

    return model


@pytest.mark.parametrize("model", [
    _raises(ModelError("no")), _raises(ValueError("shape")), _raises(MemoryError()),
    lambda windows: np.full((len(windows), 1), np.nan, np.float32),
    lambda windows: np.full((len(windows), 192), np.inf, np.float32),
], ids=["model error", "value error", "out of memory", "nan", "infinite"])
def test_failing_model_gives_no_score(model: Any) -> None:
    """An error or an output that is no number is a missing score, for every window of the batch."""
    missing = answers({"synthetic_voice": model}, [request(1), request(2)])

    assert [(1, "model_error"), (2, "model_error")] == [(answer.window_id, answer.reason) for answer in missing]


def test_lane_outlives_a_failure() -> None:
    """A model that failed once is asked again."""
    calls = []

    def model(windows: Sequence[Samples]) -> Any:
        calls.append(len(windows))
        if len(calls) == 1:
            raise RuntimeError("no")
        return np.zeros((len(windows), 1), np.float32)

    async def run() -> list[Any]:
        async with Scheduler({"synthetic_voice": model}, deadline_s=60.0) as scheduler:
            return [await scheduler.score(request(number)) for number in range(2)]

    assert [ScoreMissing, ScoreReceived] == [type(answer) for answer in asyncio.run(run())]


def test_one_bad_window_spares_the_others() -> None:
    """Of a batch, only the window whose output is no number is missing."""
    def model(windows: Sequence[Samples]) -> Any:
        return np.array([[np.nan if window[0] == 1 else 0.5] for window in windows], np.float32)

    kinds = [type(answer) for answer in answers({"synthetic_voice": model}, [request(number) for number in range(3)])]
    assert [ScoreReceived, ScoreMissing, ScoreReceived] == kinds


def test_model_that_nobody_loaded() -> None:
    """A task without a model is answered too."""
    (missing,) = answers({}, [request(1, "speaker_embedding")])

    assert ScoreMissing(1, "speaker_embedding", "model_missing") == missing


def test_model_that_returns_too_few_rows_is_missing_and_its_lane_goes_on() -> None:
    """Rows that cannot be matched to windows are no scores, and the next windows are scored."""
    gives = [np.zeros((1, 1), np.float32), np.ones((2, 1), np.float32)]

    async def run() -> list[Any]:
        async with Scheduler({"synthetic_voice": lambda _: gives.pop(0)}, deadline_s=60.0) as scheduler:
            return [
                await asyncio.gather(*(scheduler.score(request(number)) for number in pair))
                for pair in ((1, 2), (3, 4))
            ]

    short, whole = asyncio.run(run())
    assert ["model_error", "model_error"] == [answer.reason for answer in short]
    assert [1.0, 1.0] == [float(answer.output[0]) for answer in whole]
