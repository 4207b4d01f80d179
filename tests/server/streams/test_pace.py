"""A stream faster than real time is slowed, then closed; calls beside it keep their evidence."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.server.asking import on
from tests.server.serving import SECOND, SPEECH, Served, heard, said, speak, start
from voiceguard.errors import PeerError
from voiceguard.events import AudioReceived, CallStarted, MediaGap, WireEvent
from voiceguard.server.streams.pace import Pace
from voiceguard.settings import LimitOptions

STARTED = CallStarted("call-1", "pcmu", 8000, ("caller", "agent"))
SLOW = LimitOptions(burst_s=2.0, speed=2.0, slowed_s=3.0)


def second(channel: Any = "caller") -> AudioReceived:
    """One second of a channel's audio."""
    return AudioReceived(channel, 0, bytes(SECOND))


def test_burst_is_read_at_once_and_the_rest_at_the_set_speed() -> None:
    """Two seconds cost no wait, each further one half a second."""
    pace = Pace(SLOW, STARTED, 0.0)

    assert [0.0, 0.0, 0.5] == [pace.wait_s([second()], 0.0) for _ in range(3)]
    assert 0.5 == pace.wait_s([second()], 0.5)


def test_real_time_on_both_channels_costs_no_wait() -> None:
    """The channels of one call are not added up, and a leap of the stream's clock is not audio."""
    pace = Pace(SLOW, STARTED, 0.0)
    events: list[WireEvent] = [MediaGap("caller", 0, 3600 * SECOND), second(), second("agent")]

    assert {0.0} == {pace.wait_s(events, float(at)) for at in range(60)}


def test_stream_that_never_lets_up_is_too_fast() -> None:
    """It is closed after `slowed_s`; one that let up in between is not."""
    greedy, now = Pace(SLOW, STARTED, 0.0), 0.0
    with pytest.raises(PeerError, match="faster than 2 times real time for 3 s") as refused:
        for _ in range(20):
            now += greedy.wait_s([second()], now)
    assert ("too_fast", 1008, 4) == (refused.value.code, refused.value.close_code, round(now) + 1)

    bursts, now = Pace(SLOW, STARTED, 0.0), 0.0
    for _ in range(20):
        for _ in range(4):
            now += bursts.wait_s([second()], now)
        now += 5.0


@pytest.mark.parametrize(("encoding", "rate_hz", "size"), [("l16", 16000, 32000), ("g722", 8000, 8000)])
def test_audio_is_counted_in_seconds_of_its_encoding(encoding: Any, rate_hz: int, size: int) -> None:
    """A second is a second in each."""
    pace = Pace(SLOW, CallStarted("call-1", encoding, rate_hz, ("caller",)), 0.0)

    assert 0.5 == [pace.wait_s([AudioReceived("caller", 0, bytes(size))], 0.0) for _ in range(3)][-1]


async def flood(served: Served, key: str, call_id: str, told: list[Any]) -> None:
    """Send audio as fast as the socket takes it until the service closes it."""
    async with served.stream(key=key) as socket:
        await socket.send(start(call_id, customer_ref=None))
        await said(socket, "started")
        reading = asyncio.create_task(until_closed(socket))
        with suppress(ConnectionClosed):
            while True:
                await speak(socket, 20.0)
        told.append(await reading)


async def until_closed(socket: ClientConnection) -> tuple[str, int | None]:
    """The last error that was said, and the code of the close."""
    code = ""
    with suppress(ConnectionClosed):
        async for message in socket:
            body = json.loads(message)
            code = body["code"] if body["type"] == "error" else code
    return code, socket.close_code


def test_greedy_streams_are_slowed_and_a_victim_beside_them_keeps_its_evidence(tmp_path: Path) -> None:
    """Two floods, one call in real time: what was heard of a flood fits burst and speed, no score of the victim is
    missing, and a flood that never lets up is closed as `too_fast`."""
    limits = LimitOptions(burst_s=2.0, speed=2.0, slowed_s=8.0)

    async def use(served: Served, _: httpx.AsyncClient) -> tuple[Any, ...]:
        told: list[Any] = []
        ahead: list[float] = []
        calls = served.service.registry.calls
        clock = asyncio.get_running_loop().time
        began = clock()
        floods = [asyncio.create_task(flood(served, served.key, f"greedy-{number}", told)) for number in range(2)]
        await served.service.store.customers.upsert("customer-1")
        async with served.stream() as victim:
            await victim.send(start("victim"))
            await said(victim, "started")
            begun = clock()
            for number in range(10 * 5):
                await asyncio.sleep(max(0.0, begun + number / 5 - clock()))
                await victim.send(SPEECH[number * 1600 : (number + 1) * 1600])
                may_be_heard = limits.burst_s + limits.speed * (clock() - began)
                ahead += [call.core.heard_s - may_be_heard for name, call in calls.items() if name != "victim"]
            await heard(served, "victim", 10.0)
            risk = calls["victim"].core.risk
            await victim.send(json.dumps({"type": "stop"}))
            await said(victim, "stopped")
        await asyncio.gather(*floods)
        return risk.state, risk.band, -20.0 < max(ahead) <= 0.2, told

    assert ("ok", "low", True, [("too_fast", 1008)] * 2) == on(tmp_path, use, limits=limits)
