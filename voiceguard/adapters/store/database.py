"""The connection to the database: engine, transactions, migrations, and faults told without values."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Table, event, insert, inspect, make_url, update
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidRequestError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from voiceguard.errors import ConfigurationError, NothingThere, VoiceguardError

BUSY_MS = 3000
"""Longest wait for another process's write; shorter than a decision's own time limit."""


DOWN_S = 0.5
"""After work that waited in vain, more of it fails for so long at once, and does not wait in turn."""
LIMIT_S = 3.0
"""Longest time of a transaction on PostgreSQL; then its connection is cut, whatever the server does."""
LONG_S = 120.0
"""The same for work that grows with the installation, and that no call waits for."""
CONNECT_S = 2.0
"""Longest time to connect to PostgreSQL, and to close its connections in the end."""
_POSTGRES: Mapping[str, Any] = {
    "pool_timeout": LIMIT_S, "connect_args": {"timeout": CONNECT_S, "server_settings": {
        "statement_timeout": "2500", "lock_timeout": "2000", "idle_in_transaction_session_timeout": "10000",
    }},
}
"""The server gives up by itself first (ms), so that it frees what it holds for a client that is gone."""
_UNLIMITED = "SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true)"


class StoreError(VoiceguardError):
    """The store could not do it, and did nothing by halves."""


class Refused(StoreError):
    """The store works, and will never do this."""


class Cipher(Protocol):
    """Authenticated encryption, as `cryptography.fernet.Fernet`."""

    def encrypt(self, data: bytes) -> bytes: ...
    def decrypt(self, token: bytes) -> bytes: ...


class Database:
    """Transactions on one engine, and the cipher of what lies encrypted. `doing` names the work in a fault's text."""

    def __init__(self, engine: AsyncEngine, cipher: Cipher | None = None) -> None:
        self.engine = engine
        self.cipher_or_none = cipher
        self._writer = engine.execution_options(immediate=True)
        # SQLite has one writer at a time and makes the others poll: our own queue is fair and wakes at once.
        self._turn: AbstractAsyncContextManager[None] = (
            asyncio.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )
        self._down_until = 0.0
        """The event loop's time until which nobody waits again for a database that did not take a write."""
        self._file = _file(engine)

    @property
    def cipher(self) -> Cipher:
        """Raises StoreError when the store was opened without one."""
        if self.cipher_or_none is None:
            raise StoreError("secrets and voices need a store that was opened with a cipher")
        return self.cipher_or_none

    @asynccontextmanager
    async def read(self, doing: str) -> AsyncIterator[AsyncConnection]:
        """A transaction that reads."""
        self._check_file(doing)
        with faults(doing):
            async with self._begun(self.engine, doing) as connection:
                yield connection

    @asynccontextmanager
    async def write(self, doing: str, limit_s: float = LIMIT_S) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes: SQLite's write lock is taken at its start. `limit_s`: on PostgreSQL."""
        self._check_file(doing)
        clock = asyncio.get_running_loop().time
        with faults(doing):
            async with self._turn:
                if clock() < self._down_until:
                    raise StoreError(f"the store could not {doing}: it did not take the write before")
                try:
                    async with self._begun(self._writer, doing, limit_s) as connection:
                        yield connection
                except OperationalError as error:
                    if getattr(error.orig, "sqlite_errorname", None) == "SQLITE_BUSY":  # other faults take no time
                        self._down_until = clock() + DOWN_S
                    raise

    @asynccontextmanager
    async def _begun(
        self, engine: AsyncEngine, doing: str, limit_s: float = LIMIT_S
    ) -> AsyncIterator[AsyncConnection]:
        """A transaction; on PostgreSQL one whose connection is cut after `limit_s`, so that a server that hangs cannot
        hold anybody up. Its server may still have done the work."""
        if engine.dialect.name != "postgresql":
            async with engine.begin() as connection:
                yield connection
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._down_until:
            raise StoreError(f"the store could not {doing}: it did not answer before")
        try:
            async with asyncio.timeout(LIMIT_S):
                connection = await engine.connect()
        except (OSError, PoolTimeout):
            self._down_until = loop.time() + DOWN_S
            raise
        try:
            driver = (await connection.get_raw_connection()).driver_connection

            def cut() -> None:
                self._down_until = loop.time() + DOWN_S
                driver.terminate()  # type: ignore[union-attr]  # whoever waits for an answer gets a fault now

            timer = loop.call_later(limit_s, cut)
            try:
                async with connection.begin():
                    if limit_s > LIMIT_S:
                        await connection.exec_driver_sql(_UNLIMITED)
                    yield connection
            finally:
                timer.cancel()
        finally:
            await connection.close()

    def _check_file(self, doing: str) -> None:
        """Raises StoreError when the file is not the one that was opened: what is written would be lost."""
        if self._file is not None and _file(self.engine) != self._file:
            raise StoreError(f"the store could not {doing}: the database file was removed or replaced")

    async def empty_log(self) -> None:
        """Leave nothing of what was overwritten in SQLite's log, as far as no reader needs it now."""
        if self.engine.dialect.name == "sqlite":
            with faults("empty the log"):
                async with self.engine.connect() as connection:
                    raw: Any = (await connection.get_raw_connection()).driver_connection
                    await raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Reading in which a chain and its head belong together, whoever writes meanwhile; SQLite always reads so."""
        sqlite = self.engine.dialect.name == "sqlite"
        engine = self.engine if sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        with faults("verify the audit"):
            async with engine.begin() as connection:
                if not sqlite:
                    await connection.exec_driver_sql(_UNLIMITED)
                yield connection


def _file(engine: AsyncEngine) -> tuple[int, int] | None:
    """Which file an engine's database is in, where it is in one; (0, 0) where that is gone."""
    path = engine.url.database if engine.dialect.name == "sqlite" else None
    if not path or path == ":memory:":
        return None
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


@contextmanager
def faults(doing: str) -> Iterator[None]:
    """Turn every fault of the database into a StoreError that names the driver's error and no value."""
    try:
        yield
    except DBAPIError as error:
        # The driver's text may quote a row, and SQLAlchemy's the statement: only names and codes are told.
        code = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
        raise StoreError(f"the store could not {doing}: {type(error).__name__} {code}".rstrip()) from None
    except (SQLAlchemyError, CommandError) as error:
        raise StoreError(f"the store could not {doing}: {type(error).__name__}") from None
    except OSError as error:
        raise StoreError(f"the store could not {doing}: {error.strerror or type(error).__name__}") from None


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[AsyncEngine]:
    """An engine whose database has the newest tables; transactions with the option `immediate` are for writing.

    Raises ConfigurationError for a URL that cannot be used, StoreError when the database cannot be.
    """
    engine = _engine(url)
    try:
        with faults("open the database"):
            if engine.dialect.name == "sqlite":
                _make_private(make_url(url).database)
                event.listen(engine.sync_engine, "connect", _prepare_sqlite)
                event.listen(engine.sync_engine, "begin", _begin_sqlite)
            await _bring_up_to_date(engine)
        yield engine
    finally:
        await _dispose(engine)


@asynccontextmanager
async def connect_read_only(url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a database as it is: no file is made, and no table is made or brought up to date.

    Raises NothingThere where there is no database or it has no tables, ConfigurationError for a URL that cannot be used
    and for tables of another version, StoreError when the database cannot be read.
    """
    engine = _engine(url)
    path = None
    shown = engine.url.render_as_string(hide_password=True)
    if engine.dialect.name == "sqlite":
        path = _existing(engine.url)
        shown = str(path)
        engine = _engine(_read_only(engine.url, path))
        event.listen(engine.sync_engine, "connect", _prepare_read_only)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    try:
        with faults("open the database"):
            async with engine.connect() as connection:
                tables, revision = await connection.run_sync(_version)
        if not tables:
            raise NothingThere(f"the database {shown} is empty")
        if revision != _newest():
            raise ConfigurationError(f"the tables of {shown} are of another version: start the service once")
        yield engine
        if path is not None and "immutable" in engine.url.query and _has_log(path):
            raise StoreError("the database came into use while it was read: try again")
    finally:
        await _dispose(engine)


async def _dispose(engine: AsyncEngine) -> None:
    """Close all connections; those to a server that hangs are left to it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CONNECT_S if engine.dialect.name == "postgresql" else None):
            await engine.dispose()


def _engine(url: str | URL) -> AsyncEngine:
    try:
        # Parameters would carry customers and hashes into tracebacks.
        limits = _POSTGRES if make_url(url).drivername == "postgresql+asyncpg" else {}
        return create_async_engine(url, hide_parameters=True, **limits)
    except (ArgumentError, InvalidRequestError, ImportError) as error:
        raise ConfigurationError(f"the database URL cannot be used: {type(error).__name__}") from None


def _read_only(url: URL, path: Path) -> URL:
    # Without a log beside it nobody writes the file, and "immutable" keeps SQLite from making one there.
    mode = {"mode": "ro"} if _has_log(path) else {"immutable": "1"}
    return url.set(database=f"file:{quote(str(path))}", query={**mode, "uri": "true"})


def _existing(url: URL) -> Path:
    path = Path(url.database or "").absolute()
    if not path.is_file():
        raise NothingThere(f"there is no database {path}")
    return path


def _has_log(path: Path) -> bool:
    return path.with_name(path.name + "-wal").exists()


def _version(connection: Connection) -> tuple[bool, str | None]:
    tables = bool(inspect(connection).get_table_names())
    return tables, MigrationContext.configure(connection).get_current_revision() if tables else None


async def put(connection: AsyncConnection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Update the row of this primary key, or make it. Of two writers that make it at once, one gets a StoreError."""
    same = [table.c[name] == value for name, value in key.items()]
    if (await connection.execute(update(table).where(*same).values(**values))).rowcount == 0:
        await connection.execute(insert(table).values(**key, **values))


async def _bring_up_to_date(engine: AsyncEngine) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BUSY_MS / 1000
    while True:
        try:
            async with engine.execution_options(immediate=True).begin() as connection:
                await connection.run_sync(_upgrade)
            return
        except OperationalError as error:
            # SQLite waits for no other process while it switches a new file to WAL.
            if getattr(error.orig, "sqlite_errorname", None) != "SQLITE_BUSY" or loop.time() > deadline:
                raise
        await asyncio.sleep(0.01)


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_UNLIMITED)
        # Of processes that start together one makes the tables; SQLite's write lock sees to that by itself.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('voiceguard migrations'))")
    config = migrations()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _newest() -> str | None:
    return ScriptDirectory.from_config(migrations()).get_current_head()


def migrations() -> Config:
    """Alembic's settings for the migrations; `attributes["connection"]` is to be set."""
    config = Config()
    folder = Path(__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def _make_private(database: str | None) -> None:
    """Make the file, and its folder, for their owner alone; SQLite would make them for everybody to read."""
    if database and database != ":memory:":
        path = Path(database)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Never an existing file: to close a descriptor of it would drop the POSIX locks of this process's connections.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _prepare_sqlite(connection: DBAPIConnection, _: object) -> None:
    # The driver must not begin transactions by its own rules: `_begin_sqlite` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # FULL, not NORMAL: in WAL mode NORMAL may lose the last commits when the power fails, and a decision that was told
    # or a grant that was redeemed must still be so afterwards.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    # What is erased is overwritten, and not left in pages that nobody reads.
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()


def _prepare_read_only(connection: Any, _: object) -> None:
    connection.isolation_level = None
    # What is no text must become a fault of the audit and not an exception.
    connection.driver_connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock before it reads the chain's head, or two processes would build on the same head.
    immediate = connection.get_execution_options().get("immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
