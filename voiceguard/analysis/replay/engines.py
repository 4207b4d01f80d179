"""Where the calls of a replay run: processes of this machine, or a Ray cluster. Every engine gives the same results.

A worker is made once in each process and keeps its models; jobs go to whichever worker is free, and come back in
whatever order they are done.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Literal, TypeVar

from voiceguard.analysis.optional_imports import load
from voiceguard.errors import ConfigurationError, VoiceguardError

Job = TypeVar("Job")
Done = TypeVar("Done")
Worker = Callable[[Job], Done]
EngineName = Literal["local", "ray"]

_worker: Worker[Any, Any] | None = None
"""Of this process, made once."""


class EngineError(VoiceguardError):
    """The workers are gone. What was done before is kept, and the same command goes on from there."""


def local(make: Callable[[], Worker[Job, Done]], jobs: Sequence[Job], processes: int | None) -> Iterator[Done]:
    """On `processes` of this machine, one for each core unless told.

    `make` and jobs must be picklable. Raises EngineError when a process is killed.
    """
    if processes == 1:
        yield from map(make(), jobs)
        return
    # A fork would copy locks that the model runtime's threads hold.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes or os.cpu_count(), context, _start, (make,))
    try:
        for future in as_completed([pool.submit(_work, job) for job in jobs]):
            yield future.result()
    except BrokenProcessPool as error:
        raise EngineError("a process was killed, for want of memory perhaps; run the same command to go on") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start(make: Callable[[], Worker[Any, Any]]) -> None:
    global _worker  # noqa: PLW0603
    _worker = make()


def _work(job: Any) -> Any:
    assert _worker is not None
    return _worker(job)


def ray(make: Callable[[], Worker[Job, Done]], jobs: Sequence[Job], workers: int | None) -> Iterator[Done]:
    """On a Ray cluster, one worker for each of its cores, or fewer if told: the cluster that RAY_ADDRESS names or that
    runs on this machine, else one of this machine alone.

    The package has to be installed on every node, and the audio has to lie at the same paths. A worker that is lost is
    started again, its job too. Raises ConfigurationError without the extra `ray`, and for the address
    of a Ray client server, EngineError when the cluster is lost.
    """
    if (address := os.environ.get("RAY_ADDRESS", "")).startswith("ray://"):
        raise ConfigurationError(
            f"RAY_ADDRESS={address} names a Ray client server, through which no replay runs: run this command on a "
            "node of the cluster with RAY_ADDRESS=auto, or give the address of its head, host:6379"
        )
    cluster = load("ray", "ray")
    ours = not cluster.is_initialized()
    if ours:
        cluster.init(log_to_driver=False, include_dashboard=False, logging_level="ERROR")
    try:
        actor = cluster.remote(_Actor).options(num_cpus=1, max_restarts=-1, max_task_retries=-1)
        # A worker without a core of its own would be waited for without end.
        cores = int(cluster.cluster_resources()["CPU"])
        actors = [actor.remote(make) for _ in range(min(workers or cores, cores))]
        pool = load("ray.util", "ray").ActorPool(actors)
        yield from pool.map_unordered(lambda worker, job: worker.work.remote(job), jobs)
    except cluster.exceptions.RayError as error:
        raise EngineError(f"the Ray cluster failed ({type(error).__name__}); run the same command to go on") from error
    finally:
        if ours:
            cluster.shutdown()


class _Actor:
    def __init__(self, make: Callable[[], Worker[Any, Any]]) -> None:
        self._worker = make()

    def work(self, job: Any) -> Any:
        return self._worker(job)


ENGINES = {"local": local, "ray": ray}
