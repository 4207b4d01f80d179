"""One call id is one call: a further stream of it goes on with evidence, wrong codes, customer and open questions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from tests.server.asking import ask
from tests.server.endings import closed, until
from tests.server.serving import SCOPES, Served, Voice, heard, said, serving, speak, start

SYNTHETIC = 2.5
Break = Callable[[Served, ClientConnection], Awaitable[None]]


async def _abort(_: Served, socket: ClientConnection) -> None:
    socket.transport.abort()


async def _stop(_: Served, socket: ClientConnection) -> None:
    await socket.send(json.dumps({"type": "stop"}))
    await said(socket, "stopped")


async def _hang(_: Served, __: ClientConnection) -> None:
    """The connection stays open and silent."""


BREAKS = pytest.mark.parametrize("end", [_abort, _stop, _hang])


@asynccontextmanager
async def _stream(served: Served, seconds: float, **changes: Any) -> AsyncIterator[ClientConnection]:
    async with served.stream() as socket:
        await socket.send(start(**changes))
        await said(socket, "started")
        if seconds:
            before = served.service.registry.calls["call-1"].core.heard_s
            await speak(socket, seconds)
            await heard(served, "call-1", before + seconds)
        yield socket


async def _broken(served: Served, socket: ClientConnection, end: Break) -> None:
    await end(served, socket)
    if end is _abort:
        await until(lambda: served.service.registry.calls["call-1"].lost_at is not None)
    elif end is _stop:
        await until(lambda: "call-1" not in served.service.registry.calls)


def _on(folder: Path, use: Callable[[Served, httpx.AsyncClient], Awaitable[Any]], **options: Any) -> Any:
    async def run() -> Any:
        async with serving(folder, **{"reconnect_s": 30.0, **options}) as served, served.api() as api:
            await served.service.store.customers.upsert("customer-1")
            return await use(served, api)

    return asyncio.run(run())


@BREAKS
def test_high_risk_stays_when_the_stream_is_opened_again(end: Break, tmp_path: Path) -> None:
    """Account recovery of a synthetic voice is handed over before the break and after it."""

    async def use(served: Served, api: httpx.AsyncClient) -> list[str]:
        async with _stream(served, 12.0) as first:
            before = await ask(api)
            await _broken(served, first, end)
            async with _stream(served, 0.0):
                after = await ask(api)
        return [before["decision"], after["decision"], after["risk"]["band"]]

    assert ["handover", "handover", "high"] == _on(tmp_path, use, voice=Voice(SYNTHETIC))


@BREAKS
def test_wrong_codes_count_on_over_streams(end: Break, tmp_path: Path) -> None:
    """Three streams with one wrong code each lock the customer as three codes on one stream do."""

    async def use(served: Served, api: httpx.AsyncClient) -> list[str]:
        states = []
        for _ in range(3):
            async with _stream(served, 8.0) as socket:
                asked = await ask(api)
                answer = await api.post(f"/v1/actions/{asked['action_id']}/otp", json={"code": "0000"})
                states.append(answer.json()["state"])
                await _broken(served, socket, end)
        return states

    assert ["challenged", "challenged", "denied"] == _on(tmp_path, use)


@BREAKS
def test_another_customer_or_key_is_refused(end: Break, tmp_path: Path) -> None:
    """Whoever opens a stream of this call id later cannot make it the call of somebody else."""

    async def use(served: Served, api: httpx.AsyncClient) -> list[str]:
        other = await served.service.store.api_keys.create("other", SCOPES, by="tests", now=1.0)
        async with _stream(served, 1.0) as first:
            await _broken(served, first, end)
            codes = []
            for key, customer in ((None, "customer-2"), (other, "customer-1")):
                async with served.stream(key=key) as socket:
                    await socket.send(start(customer_ref=customer))
                    codes.append((await said(socket, "error"))["code"])
                    await closed(socket, 1008)
        return codes

    assert ["other_customer", "call_exists"] == _on(tmp_path, use)


def test_hanging_stream_is_replaced_at_once(tmp_path: Path) -> None:
    """The newer stream takes over; what the older one still sends reaches nobody, and it is told so."""

    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        async with _stream(served, 2.0) as first, _stream(served, 2.0):
            await first.send(json.dumps({"type": "intent", "action": "refund"}))
            code = (await said(first, "error"))["code"]
            await closed(first, 1008)
            live = list(served.service.registry.calls)
        kinds = [record["kind"] for record in await served.service.store.calls.events("call-1")]
        return code, live, kinds.count("started"), kinds.count("stream_resumed"), kinds.count("decision")

    assert ("replaced", ["call-1"], 1, 1, 0) == _on(tmp_path, use)


def test_open_challenge_goes_on_after_a_broken_stream(tmp_path: Path) -> None:
    """The code that was delivered before the break opens the action after it, on the new stream."""

    async def use(served: Served, api: httpx.AsyncClient) -> tuple[str, str]:
        async with _stream(served, 10.0) as first:
            asked = await ask(api)
            await _broken(served, first, _abort)
            async with _stream(served, 6.0):
                place = f"/v1/actions/{asked['action_id']}/otp"
                entered = (await api.post(place, json={"code": served.phone.codes[0].code})).json()
        return asked["decision"], entered["decision"]

    assert ("step_up", "allow") == _on(tmp_path, use)


def test_lost_stream_without_another_ends_the_call(tmp_path: Path) -> None:
    """After `reconnect_s` the call ends as vanished, with the break on record."""

    async def use(served: Served, api: httpx.AsyncClient) -> list[str]:
        async with _stream(served, 1.0) as first:
            await _abort(served, first)
        await until(lambda: not served.service.registry.calls)
        return [record["kind"] for record in await served.service.store.calls.events("call-1")][-3:]

    assert ["stream_lost", "media", "ended"] == _on(tmp_path, use, reconnect_s=0.3)


def test_recorded_risk_is_the_floor_after_a_restart(tmp_path: Path) -> None:
    """A new process knows nothing of the voice, but the call's recorded evidence still counts, and its customer."""

    keys: list[str] = []

    async def first(served: Served, api: httpx.AsyncClient) -> str:
        keys.append(served.key)
        async with _stream(served, 12.0):
            return str((await ask(api))["decision"])

    async def second(served: Served, api: httpx.AsyncClient) -> tuple[str, str, list[str]]:
        served.key = keys[0]  # another key's stream is refused
        async with _stream(served, 0.0, customer_ref=None):
            asked = await ask(api)
        sources = [item["source"] for item in asked["risk"]["evidence"]]
        return asked["decision"], asked["risk"]["band"], sources

    assert "handover" == _on(tmp_path, first, voice=Voice(SYNTHETIC))
    assert ("handover", "high", ["earlier_stream"]) == _on(
        tmp_path, second, voice=Voice(-2.0), key_name="second"
    )


def test_silent_stream_is_paused_and_goes_on(tmp_path: Path) -> None:
    """On hold nothing comes for longer than `stall_s`; the call stays, and says that it heard nothing meanwhile."""

    async def use(served: Served, api: httpx.AsyncClient) -> tuple[str, list[str]]:
        async with _stream(served, 8.0) as socket:
            call = served.service.registry.calls["call-1"]
            await until(lambda: any(event.get("media") == "paused" for event in call.view.events))
            asked = await ask(api)
            await speak(socket, 1.0)
            await heard(served, "call-1", 9.0)
            shown = [event["media"] for event in call.view.events if event["kind"] == "media"]
        return asked["risk"]["state"], shown

    assert ("inconclusive", ["paused", "resumed"]) == _on(tmp_path, use, stall_s=0.3)
