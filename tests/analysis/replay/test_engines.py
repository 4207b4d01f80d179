"""Engines: every job once, on workers that are made once each, and what is said when workers are lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import pytest

from voiceguard.analysis.replay.engines import ENGINES, EngineError, local
from voiceguard.errors import ConfigurationError


class Squarer:
    """Squares; dies when told to."""

    def __init__(self, offset: int) -> None:
        self.offset, self.process = offset, os.getpid()

    def __call__(self, job: int) -> tuple[int, int, int]:
        if job < 0:
            os._exit(1)
        return job, job * job + self.offset, self.process


def _results(processes: int) -> tuple[list[int], set[int]]:
    made: Callable[[], Squarer] = partial(Squarer, 1)
    found = sorted(local(made, range(20), processes))
    assert list(range(20)) == [job for job, _, _ in found]
    return [square for _, square, _ in found], {process for _, _, process in found}


def test_every_engine_gives_the_same() -> None:
    """In this process, and in two others."""
    here, (process,) = _results(1)
    there, processes = _results(2)

    assert here == there == [job * job + 1 for job in range(20)]
    assert os.getpid() == process and os.getpid() not in processes


def test_a_killed_process_is_told(tmp_path: object) -> None:
    """By a sentence that says what to do."""
    with pytest.raises(EngineError, match="run the same command to go on"):
        list(local(partial(Squarer, 0), [1, -1, 2], 2))


def test_without_ray_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for it is told how to get it."""
    monkeypatch.setitem(__import__("sys").modules, "ray", None)

    with pytest.raises(ConfigurationError, match=r"extra ray: pip install 'voiceguard-callguard\[ray\]'"):
        list(ENGINES["ray"](partial(Squarer, 0), [1], 1))


def test_address_of_a_ray_client_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line that names the forms that work, before Ray is loaded."""
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:10001")

    with pytest.raises(ConfigurationError, match="host:6379"):
        next(ENGINES["ray"](lambda: lambda job: job, [1], 1))
