"""Every migration goes forward and back, with rows in every table, on both kinds of database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, func, inspect, select, text

from voiceguard.adapters.store.database import connect, migrations
from voiceguard.adapters.store.tables import metadata

REVISIONS = [script.revision for script in ScriptDirectory.from_config(migrations()).walk_revisions()]
"""The newest first."""


def on(database: str, use: Any) -> Any:
    """What `use` gives on a connection, in one transaction."""
    async def run() -> Any:
        async with connect(database) as engine, engine.execution_options(immediate=True).begin() as connection:
            return await connection.run_sync(use)

    return asyncio.run(run())


def move(connection: Connection, revision: str, *, up: bool) -> None:
    """Go to this revision."""
    config = migrations()
    config.attributes["connection"] = connection
    (command.upgrade if up else command.downgrade)(config, revision)


def tables(connection: Connection) -> list[Table]:
    """The tables as they are now, those first that others refer to."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def fill(connection: Connection) -> None:
    """Put a row in every table that has none."""
    for table in tables(connection):
        if connection.execute(select(func.count()).select_from(table)).scalar_one() == 0:
            connection.execute(table.insert().values({column.name: value(column) for column in table.columns}))


def value(column: Any) -> Any:
    """One that fits, the same in every table, so that rows that refer to each other do."""
    if column.name == "tenant":
        return "default"
    kind = column.type.python_type
    return {str: "x", bytes: b"x", int: 1, float: 1.5}[kind]


def counts(connection: Connection) -> dict[str, int]:
    """Table to the number of its rows."""
    return {table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables(connection)}


def differences(connection: Connection) -> list[Any]:
    """Between the tables as they are and as the code expects them."""
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def test_each_migration_goes_back_and_forward_with_rows_in_every_table(database: str) -> None:
    """From the newest revision down to the first, one at a time: tables that stay keep their rows, and the way up again
    leads to what the code expects each time."""
    def walk(connection: Connection) -> None:
        fill(connection)
        assert set(counts(connection).values()) == {1} and set(counts(connection)) == set(metadata.tables)
        for revision, before in zip(REVISIONS, [*REVISIONS[1:], "base"], strict=True):
            at_revision = shape(connection)
            move(connection, before, up=False)
            kept = counts(connection)
            assert set(kept.values()) <= {1}
            move(connection, revision, up=True)
            assert at_revision == shape(connection)
            assert kept.items() <= counts(connection).items()
            fill(connection)
            move(connection, before, up=False)
        assert {} == counts(connection)
        for revision in reversed(REVISIONS):
            move(connection, revision, up=True)
            fill(connection)
        assert [] == differences(connection)
        assert set(metadata.tables) == set(counts(connection))

    on(database, walk)


def shape(connection: Connection) -> dict[str, Any]:
    """Names of the columns, with whether they may be null, and of the indexes, by table."""
    found = inspect(connection)
    return {
        name: (
            {column["name"]: column["nullable"] for column in found.get_columns(name)},
            {index["name"] for index in found.get_indexes(name)},
        ) for name in found.get_table_names()
    }


def test_tenants_are_not_taken_away_while_another_tenant_has_a_call(database: str) -> None:
    """Everybody would see that call: the way back stops before anything is changed."""
    def foreign(connection: Connection) -> None:
        connection.execute(text("INSERT INTO calls (call_id, started_at, tenant) VALUES ('c', 1.0, 'brand')"))

    on(database, foreign)
    with pytest.raises(RuntimeError, match="another tenant"):
        on(database, lambda connection: move(connection, "0007", up=False))
    assert [] == on(database, differences)
