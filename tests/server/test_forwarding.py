"""Requests about a call of another worker, on real servers: answered, refused, and out of reach."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.server.pair import ask, two, until
from tests.server.serving import heard, speak
from tests.services import PostgresServer, RedisServer


def test_request_about_a_call_of_another_worker_is_answered(
    tmp_path: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    """Asked, asked again with the same key, read, its code entered: at the worker that does not hold the call."""
    async def run() -> list[Any]:
        async with two(tmp_path, postgres_server, redis_server) as (one, other):
            async with one.call("rest-1"):
                asked = (await ask(other, "rest-1", **{"Idempotency-Key": "k"})).json()
                again = (await ask(one, "rest-1", **{"Idempotency-Key": "k"})).json()
                async with other.api() as api:
                    code = one.phone.codes[-1].code
                    read = (await api.get(f"/v1/actions/{asked['action_id']}")).json()
                    entered = await api.post(f"/v1/actions/{asked['action_id']}/otp", json={"code": code})
                    redeemed = await api.post("/v1/grants/redeem", json={"grant": entered.json()["grant"]})
                    spent = await api.post("/v1/grants/redeem", json={"grant": entered.json()["grant"]})
                    unknown = await api.get("/v1/actions/nothing")
                return [asked["decision"], again == asked, read["decision"], entered.json()["decision"],
                        redeemed.status_code, spent.status_code, unknown.status_code]

    assert ["step_up", True, "step_up", "allow", 200, 409, 404] == asyncio.run(run())


def test_request_with_a_bad_key_is_refused_before_the_bus(
    tmp_path: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    async def run() -> tuple[int, str]:
        async with two(tmp_path, postgres_server, redis_server) as (one, other):
            async with one.call("refused-1"), other.api("vg_wrong") as api:
                answer = await api.post("/v1/calls/refused-1/actions", json={"action": "refund"})
                return answer.status_code, answer.json()["code"]

    assert (401, "unauthenticated") == asyncio.run(run())


def test_nothing_is_allowed_while_redis_is_gone_and_it_heals(
    tmp_path: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    """Streams go on and decisions are handovers; a request for another worker's call is refused for a while."""
    async def run() -> list[Any]:
        async with two(tmp_path, postgres_server, redis_server) as (one, other):
            async with one.call("redis-1") as socket:
                redis_server.stop()
                await until(lambda: not one.service.live.bus.is_up and not other.service.live.bus.is_up)
                own, elsewhere = await ask(one, "redis-1"), await ask(other, "redis-1")
                await speak(socket, 5.0, 10.0)
                await heard(one, "redis-1", 15.0)
                redis_server.start()
                await until(lambda: one.service.live.bus.is_up and other.service.live.bus.is_up)
                healed = await ask(other, "redis-1")
                return [own.json()["decision"], own.json()["reasons"][0]["code"], elsewhere.status_code,
                        elsewhere.json()["code"], healed.json()["decision"]]

    assert ["handover", "bus_unavailable", 503, "worker_unavailable", "step_up"] == asyncio.run(run())
