"""For the whole suite: servers of its own, examples without a time limit, compiled code apart for each worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import services

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# librosa's numba functions are kept on disk; two processes that compile the same one at once break each other's copy.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "numba" / _worker))


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[services.PostgresServer]:
    """A PostgreSQL of this module's own; skips where there is none."""
    with services.postgres() as running:
        yield running


@pytest.fixture
def redis_server() -> Iterator[services.RedisServer]:
    """A Redis of this test's own; skips where there is none."""
    with services.redis() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'v.db'}"
    server: services.PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()
