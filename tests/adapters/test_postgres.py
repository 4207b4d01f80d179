"""The store on a real PostgreSQL, started for these tests where the machine has one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from tests.adapters.store.helpers import ALLOW, NOTE, STARTED, STEP_UP, accept, decide, one_call
from tests.services import postgres
from voiceguard.adapters.store import Store, StoreError
from voiceguard.adapters.store.database import connect
from voiceguard.adapters.store.tables import metadata


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """URL of a database server of these tests' own."""
    with postgres() as running:
        yield running.url


@pytest.fixture
def url(server: str) -> str:
    """The server with an empty database."""
    async def clear() -> None:
        async with connect(server) as engine, engine.begin() as connection:
            await connection.execute(text("DROP SCHEMA public CASCADE"))
            await connection.execute(text("CREATE SCHEMA public"))

    asyncio.run(clear())
    return server


def test_migrations_make_the_tables_once(url: str) -> None:
    """Processes that start together on an empty database agree on tables that are what the code expects."""
    async def start() -> list[Any]:
        async with connect(url) as engine, engine.connect() as connection:
            return await connection.run_sync(
                lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
            )

    async def run() -> list[list[Any]]:
        return await asyncio.gather(*(start() for _ in range(4)))

    assert [[]] * 4 == asyncio.run(run())


def test_a_call_is_recorded_and_verified(url: str) -> None:
    """Records, decisions, receipts and checkpoints of a call stand in one whole chain; a changed record shows."""
    async def run() -> tuple[int, list[Any], list[Any]]:
        async with Store.open(url) as store:
            await one_call(store)
            await store.audit.checkpoint(lambda _: "signed", 200.0)
            receipts, whole = await store.calls.receipts("call-1"), (await store.audit.verify(accept, now=0.0)).faults
        async with connect(url) as engine, engine.begin() as connection:
            changed = "UPDATE audit_events SET record = overlay(record placing 'M'::bytea from 12) WHERE seq = 1"
            assert (await connection.execute(text(changed))).rowcount == 1
        async with Store.open(url) as store:
            return len(receipts), whole, (await store.audit.verify(accept, now=0.0)).faults

    receipts, whole, faults = asyncio.run(run())
    assert (2, []) == (receipts, whole)
    assert ["changed"] == [fault.kind for fault in faults]


def test_two_processes_write_one_chain(url: str) -> None:
    """Records of one call that two stores append at once come one after the other."""
    async def run() -> list[Any]:
        async with Store.open(url) as one, Store.open(url) as two:
            await one.calls.append("call-1", [STARTED])
            await asyncio.gather(*(store.calls.append("call-1", [NOTE]) for store in (one, two) * 20))
            assert await one.audit.checkpoint(lambda _: "signed", 200.0) is not None
            return (await two.audit.verify(accept, now=0.0)).faults

    assert [] == asyncio.run(run())


def test_claims_and_leases_have_one_winner_of_many_that_race(url: str) -> None:
    """Of 20 workers that claim one call and one job at once, one gets both; beats use the server's clock."""
    async def run() -> tuple[int, int, Any, bool]:
        async with Store.open(url) as store:
            names = [f"w{number}" for number in range(20)]
            await asyncio.gather(*(store.workers.beat(name, 0.0) for name in names))
            claims = await asyncio.gather(*(store.workers.claim("c", name, 0.0) for name in names))
            got = await asyncio.gather(*(store.workers.lease("job", name, 0.0, 60.0) for name in names))
            owner = await store.workers.owner("c")
            return claims.count(None), got.count(True), await store.workers.lost("w0", 1e12, alone=False), (
                {owner} == set(claims) - {None}
            )

    assert (1, 1, {}, True) == asyncio.run(run())


def test_one_of_many_redeems_a_grant(url: str) -> None:
    """However many ask at once, and of whichever process, a grant is spent once."""
    async def run() -> list[bool]:
        async with Store.open(url) as one, Store.open(url) as two:
            await one_call(one)
            return await asyncio.gather(*(store.decisions.redeem_grant("jti-1", 130.0) for store in (one, two) * 10))

    assert 1 == sum(asyncio.run(run()))


def test_one_of_many_uses_a_nonce(url: str) -> None:
    """A stream's token opens one stream."""
    async def run() -> list[bool]:
        async with Store.open(url) as one, Store.open(url) as two:
            return await asyncio.gather(*(store.nonces.use("n", 1000.0) for store in (one, two) * 10))

    assert 1 == sum(asyncio.run(run()))


def test_one_code_opens_one_thing(url: str) -> None:
    """Of two calls that present the same TOTP step at once, one is recorded."""
    async def run() -> list[Any]:
        async with Store.open(url) as one, Store.open(url) as two:
            await one.customers.upsert("customer-1")
            for call_id in ("call-1", "call-2"):
                await one.calls.append(call_id, [STARTED | {"call_id": call_id}])
                await decide(one, STEP_UP, call_id)
            assert (grant := ALLOW.grant) is not None
            first, second = (
                replace(ALLOW, grant=replace(grant, jti=jti, call_id=call_id))
                for jti, call_id in (("j1", "call-1"), ("j2", "call-2"))
            )
            return list(await asyncio.gather(
                decide(one, first, "call-1"), decide(two, second, "call-2"), return_exceptions=True
            ))

    assert 1 == sum(isinstance(outcome, StoreError) for outcome in asyncio.run(run()))


def test_server_that_is_gone_is_a_store_error(url: str) -> None:
    """A lost connection is told in the store's own terms, without a value."""
    async def run() -> None:
        async with Store.open(url) as store:
            await one_call(store)
            async with connect(url) as engine, engine.begin() as connection:
                await connection.execute(text("DROP SCHEMA public CASCADE"))
            await store.calls.append("call-1", [NOTE])

    with pytest.raises(StoreError) as raised:
        asyncio.run(run())
    assert "customer-1" not in str(raised.value)
