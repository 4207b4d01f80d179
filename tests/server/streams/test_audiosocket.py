"""AudioSocket on a real TCP port: who may speak, and a whole call from its first message to its record."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.server.endings import recorded, until
from tests.server.serving import SPEECH, Served, heard, serving
from voiceguard.adapters.store import Store, StoreError
from voiceguard.adapters.store.registrations import Registrations
from voiceguard.errors import ConfigurationError
from voiceguard.ingest.audiosocket import HANG_UP, IDENTITY, message
from voiceguard.settings import AudioSocketOptions, LimitOptions
from voiceguard.simulator.protocols.audiosocket import AudioSocketLine
from voiceguard.simulator.protocols.platform import FRAME_SAMPLES

PORT = AudioSocketOptions(port=0)
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def announce(served: Served, call_id: str | None = "call-1", **changes: Any) -> UUID:
    """A call's UUID, from the API."""
    async with served.api() as api:
        body = {"call_id": call_id, "customer_ref": "customer-1", "consent": ["voice_analysis"]} | changes
        return UUID((await api.post("/v1/audiosocket/calls", json=body)).json()["uuid"])


@asynccontextmanager
async def dialled(served: Served) -> AsyncIterator[Ends]:
    """A connection as Asterisk opens it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.service.audiosocket_port)
    try:
        yield reader, writer
    finally:
        writer.close()


def line(uuid: UUID) -> AudioSocketLine:
    """The messages of a call that has this UUID."""
    made = AudioSocketLine("call-1", "customer-1", 1)
    made.uuid = uuid
    return made


async def speak(writer: asyncio.StreamWriter, made: AudioSocketLine, seconds: float) -> None:
    """The UUID, and that much of the caller's speech, as fast as it goes."""
    writer.writelines(made.opening())  # type: ignore[arg-type]
    for at in range(0, int(seconds * 8000), FRAME_SAMPLES):
        writer.writelines(made.audio({"caller": SPEECH[at : at + FRAME_SAMPLES]}))  # type: ignore[arg-type]
    await writer.drain()


async def hung_up(reader: asyncio.StreamReader) -> None:
    """We hung up, said nothing else, and closed."""
    async with asyncio.timeout(10):
        assert b"\x00\x00\x00" == await reader.read()


def test_whole_call(tmp_path: Path) -> None:
    """The call asks through the API, its customer keys the delivered code, and Asterisk closes."""

    async def run() -> None:
        async with serving(tmp_path, audiosocket=PORT) as served:
            await served.service.store.customers.upsert("customer-1")
            made = line(await announce(served, metadata={"queue": "billing"}))
            async with dialled(served) as (_, writer), served.api() as api:
                await speak(writer, made, 10.0)
                await heard(served, "call-1", 10.0)
                asked = (await api.post("/v1/calls/call-1/actions", json={"action": "refund"})).json()
                assert "step_up" == asked["decision"]
                await until(lambda: served.phone.codes)
                for digit in served.phone.codes[0].code:
                    writer.write(made.digit(digit))  # type: ignore[arg-type]
                call = served.service.registry.calls["call-1"]
                await until(lambda: call.decisions.decided[asked["action_id"]].state == "allowed")
            records = await recorded(served, "call-1", "stopped")
            assert ("customer-1", {"queue": "billing"}) == (records[0]["customer_ref"], records[0]["metadata"])
            assert ["step_up", "allow"] == [item["decision"] for item in records if item["kind"] == "decision"]
            assert str(made.uuid) not in json.dumps(records)

    asyncio.run(run())


def test_bytes_come_as_tcp_likes(tmp_path: Path) -> None:
    """One byte at a time is the same call."""

    async def run() -> None:
        async with serving(tmp_path, audiosocket=PORT) as served:
            made = line(await announce(served))
            async with dialled(served) as (_, writer):
                frame = made.audio({"caller": SPEECH[:FRAME_SAMPLES]})[0]
                for byte in b"".join([*made.opening(), frame, frame]):  # type: ignore[list-item]
                    writer.write(bytes([byte]))
                    await writer.drain()
                await heard(served, "call-1", 0.04)
            await recorded(served, "call-1", "stopped")

    asyncio.run(run())


def test_wideband(tmp_path: Path) -> None:
    """Audio at 16 kHz is as long as it is, brought to 8."""

    async def run() -> None:
        async with serving(tmp_path, audiosocket=PORT) as served:
            made = line(await announce(served))
            async with dialled(served) as (_, writer):
                writer.writelines([*made.opening(), *[message(0x12, bytes(640))] * 50])  # type: ignore[list-item]
                await heard(served, "call-1", 0.95)
                assert 16000 == served.service.registry.calls["call-1"].started.rate_hz
            await recorded(served, "call-1", "stopped")

    asyncio.run(run())


def test_unregistered_uuid_is_hung_up(tmp_path: Path) -> None:
    """Whoever was not announced is nobody, though the UUID is well formed."""

    async def run() -> None:
        async with serving(tmp_path, audiosocket=PORT) as served:
            async with dialled(served) as (reader, writer):
                await speak(writer, line(uuid4()), 0.1)
                await hung_up(reader)
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


def test_a_uuid_opens_one_call(tmp_path: Path) -> None:
    """A further connection goes on with the call while it is remembered, and is hung up afterwards."""

    async def run() -> None:
        async with serving(tmp_path, audiosocket=PORT, resume_s=0.0) as served:
            made = line(await announce(served))
            async with dialled(served) as (_, writer):
                await speak(writer, made, 0.1)
                await until(lambda: "call-1" in served.service.registry.calls)
                first = served.service.registry.calls["call-1"]
                async with dialled(served) as (reader, again):
                    await speak(again, made, 0.1)
                    await until(lambda: any(event.get("media") == "stream_resumed" for event in first.view.events))
                    assert [first] == list(served.service.registry.calls.values())
            await recorded(served, "call-1", "stopped")
            async with dialled(served) as (reader, again):
                await speak(again, made, 0.1)
                await hung_up(reader)

    asyncio.run(run())


def test_a_uuid_expires(tmp_path: Path) -> None:
    """A call that comes too late was not announced."""
    times = [1_700_000_000.0]

    async def run() -> None:
        options = AudioSocketOptions(port=0, registration_s=5.0)
        async with serving(tmp_path, audiosocket=options, now=lambda: times[0]) as served:
            made = line(await announce(served))
            times[0] += 5.0
            async with dialled(served) as (reader, writer):
                await speak(writer, made, 0.1)
                await hung_up(reader)

    asyncio.run(run())


def test_unchecked_is_unregistered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store cannot say whether a call was announced, it is hung up."""

    async def broken(*_: Any) -> None:
        raise StoreError("no answer")

    async def run() -> None:
        async with serving(tmp_path, audiosocket=PORT) as served:
            made = line(await announce(served))
            monkeypatch.setattr(Registrations, "claim", broken)
            async with dialled(served) as (reader, writer):
                await speak(writer, made, 0.1)
                await hung_up(reader)
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\n\r\n", message(0x10, bytes(320)), message(IDENTITY, b"short"), b"\xff\xff\xff" + bytes(70000),
], ids=["another protocol", "no uuid", "half a uuid", "too big"])
def test_nonsense_is_hung_up(tmp_path: Path, data: bytes) -> None:
    """Whatever does not begin as a call ends at once."""

    async def run() -> None:
        ingest = {"max_binary_bytes": 4096}
        async with serving(tmp_path, audiosocket=PORT, ingest=ingest) as served:
            async with dialled(served) as (reader, writer):
                writer.write(data)
                await hung_up(reader)

    asyncio.run(run())


@pytest.mark.parametrize(("last", "reset", "reason"), [
    (message(HANG_UP), False, "stopped"), (b"", False, "stopped"), (b"\x10\x01", False, "vanished"),
    (b"", True, "vanished"), (message(0x10, b"odd"), False, "protocol_error"),
], ids=["hang-up", "closed", "closed in a message", "reset", "broken audio"])
def test_how_a_call_ends(tmp_path: Path, last: bytes, reset: bool, reason: str) -> None:
    """Asterisk closes between two messages; anything else is told apart."""

    async def run() -> None:
        async with serving(tmp_path, audiosocket=PORT) as served:
            made = line(await announce(served))
            async with dialled(served) as (_, writer):
                await speak(writer, made, 0.1)
                await heard(served, "call-1", 0.1)
                writer.write(last)
                if reset:
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    writer.transport.abort()
            await recorded(served, "call-1", reason)

    asyncio.run(run())


def test_silence_is_a_stall(tmp_path: Path) -> None:
    """Where nothing comes we hang up, a call or not."""

    async def run() -> None:
        brisk = LimitOptions(start_s=0.2)
        async with serving(tmp_path, audiosocket=PORT, stall_s=0.2, hold_s=0.2, limits=brisk) as served:
            made = line(await announce(served))
            async with dialled(served) as (reader, writer), dialled(served) as (unspoken, _):
                await speak(writer, made, 0.1)
                await hung_up(reader)
                await hung_up(unspoken)
            await recorded(served, "call-1", "stalled")

    asyncio.run(run())


def test_stopping_hangs_up(tmp_path: Path) -> None:
    """A service that stops ends its calls so, and closes the port."""

    async def run() -> tuple[int, bytes, list[dict[str, Any]]]:
        async with serving(tmp_path, audiosocket=PORT) as served:
            made = line(await announce(served))
            reader, writer = await asyncio.open_connection("127.0.0.1", served.service.audiosocket_port)
            await speak(writer, made, 0.1)
            await heard(served, "call-1", 0.1)
            port = served.service.audiosocket_port or 0
        last = await reader.read()
        writer.close()
        async with Store.open(f"sqlite+aiosqlite:///{tmp_path / 'voiceguard.db'}") as store:
            return port, last, await store.calls.events("call-1")

    port, last, records = asyncio.run(run())
    assert b"\x00\x00\x00" == last
    assert ("ended", "shutdown") == (records[-1]["kind"], records[-1]["reason"])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_nobody_listens_unasked(tmp_path: Path) -> None:
    """Without a port there is none."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            assert served.service.audiosocket_port is None

    asyncio.run(run())


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    """A service that cannot listen does not start."""
    from voiceguard.server.streams.audiosocket import audiosocket

    async def run() -> None:
        async with serving(tmp_path, audiosocket=PORT) as served:
            taken = AudioSocketOptions(port=served.service.audiosocket_port)
            settings = served.service.settings.model_copy(update={"audiosocket": taken})
            context = replace(served.service, live=replace(served.service.live, settings=settings))
            with pytest.raises(ConfigurationError, match="cannot listen"):
                async with audiosocket(context):
                    pass

    asyncio.run(run())
