"""Asterisk's websocket channel on a real socket: a whole call from its first frame to its record."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.server.endings import closed, keyed_refund, recorded
from tests.server.serving import SPEECH, Served, heard, serving
from voiceguard.settings import AsteriskOptions
from voiceguard.simulator.protocols.asterisk import AsteriskLine

PLAIN = (
    "MEDIA_START connection_id:voiceguard channel:WebSocket/voiceguard/0x7f80 channel_id:call-1 format:{format} "
    "optimal_frame_size:160 ptime:20"
)
ANSWER, HANGUP = '{"command":"ANSWER"}', '{"command":"HANGUP"}'


async def speak(socket: ClientConnection, seconds: float) -> None:
    """That much of the caller's speech, in mu-law, as fast as it goes."""
    for at in range(0, int(seconds * 8000), 160):
        await socket.send(SPEECH[at : at + 160])


async def words(socket: ClientConnection) -> list[str | bytes]:
    """Everything that is said until the socket closes."""
    async with asyncio.timeout(10):
        said = []
        with suppress(ConnectionClosed):
            while True:
                said.append(await socket.recv())
        return said


async def announced(served: Served, **body: Any) -> str:
    """The UUID of a registered call."""
    async with served.api() as api:
        return str((await api.post("/v1/audiosocket/calls", json=body)).json()["uuid"])


def test_whole_call(tmp_path: Path) -> None:
    """The call asks through the API, its customer keys the delivered code, and Asterisk closes."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            await served.service.store.customers.upsert("customer-1")
            line = AsteriskLine("call-1", "customer-1")
            async with served.stream(line.path, subprotocols=["media"]) as socket, served.api() as api:
                await socket.send(line.opening()[0])
                assert ANSWER == await socket.recv()
                await speak(socket, 10.0)
                await heard(served, "call-1", 10.0)
                await keyed_refund(served, api, lambda digit: socket.send(line.digit(digit)))
            records = await recorded(served, "call-1", "stopped")
            assert ["step_up", "allow"] == [item["decision"] for item in records if item["kind"] == "decision"]

    asyncio.run(run())


@pytest.mark.parametrize(("name", "frame"), [("ulaw", 160), ("slin", 320), ("slin16", 640), ("slin48", 1920)])
def test_plain_text_control(tmp_path: Path, name: str, frame: int) -> None:
    """The default control format, and the same second of audio in several of Asterisk's formats."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream("/v1/stream/asterisk") as socket:
                await socket.send(PLAIN.format(format=name))
                assert "ANSWER" == await socket.recv()
                for _ in range(50):
                    await socket.send(bytes(frame))
                await socket.send("MEDIA_XOFF")
                await heard(served, "call-1", 0.8)
            await recorded(served, "call-1", "stopped")

    asyncio.run(run())


def test_a_broken_socket_is_no_stop(tmp_path: Path) -> None:
    """Without a close frame the call has vanished."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream("/v1/stream/asterisk") as socket:
                await socket.send(PLAIN.format(format="ulaw"))
                await socket.recv()
                socket.transport.abort()
            await recorded(served, "call-1", "vanished")

    asyncio.run(run())


def test_registered_call(tmp_path: Path) -> None:
    """What was registered counts, and not what the stream says; its UUID opens one call."""

    async def run() -> None:
        async with serving(tmp_path, asterisk=AsteriskOptions(only_registered=True), resume_s=0.0) as served:
            uuid = await announced(served, call_id="call-1", customer_ref="customer-1", metadata={"queue": "billing"})
            said = {"registered": uuid, "customer_ref": "customer-2", "call_id": "call-2", "trunk": "north"}
            path = "/v1/stream/asterisk?" + urlencode(said)
            async with served.stream(path) as socket:
                await socket.send(PLAIN.format(format="ulaw"))
                assert "ANSWER" == await socket.recv()
            (started, *_) = await recorded(served, "call-1", "stopped")
            assert ("customer-1", {"queue": "billing", "trunk": "north"}) == (
                started["customer_ref"], started["metadata"]
            )
            async with served.stream(path) as socket:
                await socket.send(PLAIN.format(format="ulaw"))
                assert ["HANGUP"] == await words(socket)

    asyncio.run(run())


def test_the_uuid_names_a_call_without_a_name(tmp_path: Path) -> None:
    """As for AudioSocket, and not as the channel's unique id, which the platform did not choose."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            uuid = await announced(served)
            async with served.stream("/v1/stream/asterisk?" + urlencode({"registered": uuid})) as socket:
                await socket.send(PLAIN.format(format="ulaw"))
                assert "ANSWER" == await socket.recv()
            await recorded(served, uuid, "stopped")

    asyncio.run(run())


@pytest.mark.parametrize("query", ["", "?registered=40325ec2-5efd-4bd3-805f-53576e581d13"])
def test_unregistered_is_hung_up(tmp_path: Path, query: str) -> None:
    """Where registration is demanded, a key alone opens nothing."""

    async def run() -> None:
        async with serving(tmp_path, asterisk=AsteriskOptions(only_registered=True)) as served:
            async with served.stream(f"/v1/stream/asterisk{query}") as socket:
                await socket.send(PLAIN.format(format="ulaw"))
                assert ["HANGUP"] == await words(socket)
                assert 1008 == socket.close_code
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


@pytest.mark.parametrize(("message", "close_code"), [
    ("MEDIA_START channel_id:call-1 format:g729", 1003), ("{", 1007), (b"\xff" * 64_001, 1008),
])
def test_nonsense_is_hung_up(tmp_path: Path, message: str | bytes, close_code: int) -> None:
    """In Asterisk's own words."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream("/v1/stream/asterisk") as socket:
                await socket.send(message)
                await closed(socket, close_code)

    asyncio.run(run())


def test_stopping_hangs_up(tmp_path: Path) -> None:
    """A service that stops says so."""

    async def run() -> list[str | bytes]:
        async with serving(tmp_path, stall_s=0.3, hold_s=0.3) as served:
            async with served.stream("/v1/stream/asterisk") as socket:
                await socket.send(AsteriskLine("call-1", None).opening()[0])
                said = await words(socket)
            await recorded(served, "call-1", "stalled")
            return said

    assert [ANSWER, HANGUP] == asyncio.run(run())


def test_nothing_else_is_said(tmp_path: Path) -> None:
    """Asterisk has no words for risks and decisions, and warns of every command that it does not know."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            line = AsteriskLine("call-1", "customer-1")
            async with served.stream(line.path) as socket, served.api() as api:
                await socket.send(line.opening()[0])
                await speak(socket, 10.0)
                await heard(served, "call-1", 10.0)
                await api.post("/v1/calls/call-1/actions", json={"action": "refund"})
                await socket.send('{"event":"MEDIA_START"}')
                said = await words(socket)
            assert [ANSWER, HANGUP] == said
            assert {"risk", "decision"} <= {record["kind"] for record in await recorded(
                served, "call-1", "protocol_error"
            )}
            assert max(len(str(message)) for message in said) <= 128
            assert [{"command"}] * 2 == [set(json.loads(message)) for message in said]

    asyncio.run(run())
