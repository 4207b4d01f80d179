"""The bus between workers on a real Redis: notices, questions, faults, and messages that nobody may forge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis.asyncio import Redis

from tests.server import endings
from tests.services import RedisServer
from voiceguard.adapters.bus import Bus, BusError, LocalBus, RedisBus, open_bus
from voiceguard.errors import ConfigurationError

CIPHER = Fernet(Fernet.generate_key())
PATIENCE_S = 20.0
until = partial(endings.until, patience_s=PATIENCE_S)


def keeping(inbox: list[Any], worker: str) -> Callable[[str, Any], None]:
    """Put every notice into the inbox, with whether this worker sent it."""
    return lambda sender, body: inbox.append((sender == worker, body))


@asynccontextmanager
async def up(url: str, cipher: Fernet = CIPHER) -> AsyncIterator[Bus]:
    """A bus that is up."""
    async with open_bus(url, cipher) as bus:
        await until(lambda: bus.is_up)
        yield bus


def test_notice_reaches_every_other_worker_and_not_its_sender(redis_server: RedisServer) -> None:
    async def run() -> list[list[Any]]:
        async with up(redis_server.url) as one, up(redis_server.url) as two, up(redis_server.url) as three:
            heard: list[list[Any]] = [[], [], []]
            for bus, inbox in zip((one, two, three), heard, strict=True):
                bus.on_notice("voices", keeping(inbox, one.worker))
            one.publish("voices", {"changed": 1})
            one.publish("voices", {"changed": 2})
            await until(lambda: len(heard[1]) == len(heard[2]) == 2)
            return heard

    both = [(True, {"changed": 1}), (True, {"changed": 2})]
    assert [[], both, both] == asyncio.run(run())


def test_question_is_answered_by_the_asked_worker_alone(redis_server: RedisServer) -> None:
    async def run() -> tuple[Any, int]:
        async with up(redis_server.url) as one, up(redis_server.url) as two, up(redis_server.url) as three:
            asked = 0

            async def answer(body: Any) -> Any:
                nonlocal asked
                asked += 1
                return {"twice": 2 * body}

            for bus in (one, two, three):
                bus.on_question("double", answer)
            return await one.ask(three.worker, "double", 21, PATIENCE_S), asked

    assert ({"twice": 42}, 1) == asyncio.run(run())


def test_question_to_a_worker_that_is_gone_or_fails_raises(redis_server: RedisServer) -> None:
    async def run() -> None:
        async with up(redis_server.url) as one, up(redis_server.url) as two:
            async def fail(_: Any) -> Any:
                raise ValueError

            two.on_question("fails", fail)
            for worker, topic in (("nobody", "fails"), (two.worker, "fails"), (two.worker, "unknown")):
                with pytest.raises(BusError):
                    await one.ask(worker, topic, None, 0.3)

    asyncio.run(run())


def test_bus_is_down_while_redis_is_gone_or_frozen_and_comes_back(redis_server: RedisServer) -> None:
    async def run() -> tuple[int, bool]:
        async with up(redis_server.url) as one, up(redis_server.url) as two:
            ups = 0

            def count() -> None:
                nonlocal ups
                ups += 1

            one.on_up(count)
            for down, back in ((redis_server.stop, redis_server.start), (redis_server.freeze, redis_server.thaw)):
                down()
                await until(lambda: not one.is_up)
                with pytest.raises(BusError):
                    await one.ask(two.worker, "pulse", None, 0.2)
                back()
                await until(lambda: one.is_up and two.is_up)
            heard: list[Any] = []
            two.on_notice("after", lambda _, body: heard.append(body))
            one.publish("after", 1)
            await until(lambda: bool(heard))
            return ups, one.is_up

    assert (2, True) == asyncio.run(run())


def test_message_of_another_key_or_of_garbage_is_dropped_and_counted(redis_server: RedisServer) -> None:
    async def run() -> tuple[list[Any], int]:
        async with up(redis_server.url) as bus, up(redis_server.url, Fernet(Fernet.generate_key())) as stranger:
            assert isinstance(bus, RedisBus)
            heard: list[Any] = []
            bus.on_notice("voices", lambda _, body: heard.append(body))
            stranger.publish("voices", "forged")
            raw = Redis.from_url(redis_server.url)
            for data in (b"", b"{}", CIPHER.encrypt(b"[]"), CIPHER.encrypt(b'{"topic": 1}'), CIPHER.encrypt(b"\xff")):
                await raw.publish("voiceguard:all", data)
            await raw.aclose()
            await until(lambda: bus.dropped >= 6)
            return heard, bus.is_up

    assert ([], True) == asyncio.run(run())


def test_notice_that_fails_leaves_the_bus_reading(redis_server: RedisServer) -> None:
    async def run() -> list[Any]:
        async with up(redis_server.url) as one, up(redis_server.url) as two:
            heard: list[Any] = []
            two.on_notice("odd", lambda _, body: body["missing"])
            two.on_notice("even", lambda _, body: heard.append(body))
            one.publish("odd", {})
            one.publish("even", 2)
            await until(lambda: bool(heard))
            return heard

    assert [2] == asyncio.run(run())


def test_redis_url_that_cannot_be_used_is_a_configuration_error() -> None:
    async def run() -> None:
        async with open_bus("http://127.0.0.1", CIPHER):
            pass

    with pytest.raises(ConfigurationError, match="redis_url cannot be used"):
        asyncio.run(run())


def test_local_bus_is_alone_and_up_and_answers_nothing() -> None:
    async def run() -> None:
        async with open_bus(None, CIPHER) as bus:
            assert isinstance(bus, LocalBus)
            assert (True, True) == (bus.is_alone, bus.is_up)
            bus.publish("voices", None)
            with pytest.raises(BusError):
                await bus.ask("other", "double", 1, 1.0)

    asyncio.run(run())
