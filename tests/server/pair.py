"""Two workers on one PostgreSQL and one Redis of the tests' own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.server import endings
from tests.server.serving import Served, Voice, serving
from tests.services import PostgresServer, RedisServer

until = partial(endings.until, patience_s=30.0)
"""Wait for news of another worker."""


@asynccontextmanager
async def two(
    folder: Path, database: PostgresServer, bus: RedisServer, **settings: Any
) -> AsyncIterator[tuple[Served, Served]]:
    """Two workers of one installation, whose buses are up."""
    shared: dict[str, Any] = {
        "database_url": database.new_database(), "redis_url": bus.url, "decision_timeout_s": 30.0, **settings,
    }
    voice = Voice()
    async with serving(folder, voice=voice, key_name="one", **shared) as one:
        async with serving(folder, voice=voice, key_name="two", **shared) as other:
            await until(lambda: one.service.live.bus.is_up and other.service.live.bus.is_up)
            other.key = one.key
            yield one, other


async def ask(served: Served, call_id: str, action: str = "account_recovery", **headers: str) -> Any:
    """Ask for an action over REST."""
    async with served.api() as api:
        return await api.post(f"/v1/calls/{call_id}/actions", json={"action": action}, headers=headers)
