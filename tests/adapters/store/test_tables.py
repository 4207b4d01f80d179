"""The tables that the code names are those that the migrations make."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.adapters.store.helpers import url
from voiceguard.adapters.store.database import connect
from voiceguard.adapters.store.tables import metadata


def test_migrations_make_the_tables(tmp_path: Path) -> None:
    """What Alembic makes is what the code expects, column for column."""
    async def run() -> list[Any]:
        async with connect(url(tmp_path / "v.db")) as engine, engine.connect() as connection:
            return await connection.run_sync(
                lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
            )

    assert asyncio.run(run()) == []
