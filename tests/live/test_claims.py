"""A call that changes hands between workers, on real servers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.server.pair import ask, two
from tests.server.serving import heard, said, speak, start
from tests.services import PostgresServer, RedisServer


def test_stream_that_comes_back_to_another_worker_goes_on_from_the_record(
    tmp_path: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    """The old stream still hangs there; the risk stays as a floor, and the call's first worker lets it go."""
    async def run() -> list[Any]:
        async with two(tmp_path, postgres_server, redis_server, reconnect_s=30.0) as (one, other):
            one.voice.llr = 2.0
            await one.service.store.customers.upsert("customer-1")
            async with one.stream() as hanging:
                await hanging.send(start("moves-1"))
                await said(hanging, "started")
                await speak(hanging, 10.0)
                await heard(one, "moves-1", 10.0)
                before = (await ask(one, "moves-1")).json()
                async with other.stream(key=one.key) as back:
                    await back.send(start("moves-1"))
                    await said(back, "started")
                    after = (await ask(one, "moves-1")).json()
                    held = ["moves-1" in served.service.registry.calls for served in (one, other)]
                    await back.send(json.dumps({"type": "stop"}))
                    await said(back, "stopped")
                records = await one.service.store.calls.events("moves-1")
                return [before["decision"], after["decision"], after["risk"]["band"], held,
                        [record["reason"] for record in records if record["kind"] == "ended"]]

    assert ["handover", "handover", "high", [False, True], ["moved", "stopped"]] == asyncio.run(run())


def test_stream_of_another_customer_is_refused_at_every_worker(
    tmp_path: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    async def run() -> list[Any]:
        async with two(tmp_path, postgres_server, redis_server) as (one, other):
            async with one.call("same-1"), other.stream(key=one.key) as back:
                await back.send(start("same-1", customer_ref="customer-2"))
                refused = await said(back, "error")
                return [refused["code"], "same-1" in one.service.registry.calls]

    assert ["other_customer", True] == asyncio.run(run())
