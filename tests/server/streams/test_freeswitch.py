"""FreeSWITCH's forks on a real socket: whole calls from their first frame to their record."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from tests.server.endings import closed, recorded, until
from tests.server.serving import SPEECH, Voice, heard, serving
from voiceguard.ingest.media import MAX_EARLY_BYTES
from voiceguard.simulator.protocols.fork import freeswitch
from voiceguard.simulator.protocols.platform import Dialling, as_l16

PATH = "/v1/stream/freeswitch"
START: dict[str, Any] = {"call_id": "call-1", "customer_ref": "customer-1", "consent": ["voice_analysis"]}
FORK: Any = ["audio.drachtio.org"]


async def opened(socket: ClientConnection, **changes: Any) -> dict[str, Any]:
    """The metadata, and the first answer."""
    await socket.send(json.dumps(START | changes))
    return json.loads(await socket.recv())  # type: ignore[no-any-return]


async def said(socket: ClientConnection, kind: str, body_kind: str) -> dict[str, Any]:
    """The next message of this type about one of ours of that type; others are passed over."""
    async with asyncio.timeout(10):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if (message["type"], message.get("data", {}).get("type")) == (kind, body_kind):
                return message["data"]  # type: ignore[no-any-return]


async def speak(socket: ClientConnection, seconds: float) -> None:
    """That much of the caller's speech, mono at 8 kHz, as fast as it goes."""
    for at in range(0, int(seconds * 8000), 160):
        await socket.send(as_l16(SPEECH[at : at + 160]))


def test_whole_call_in_stereo(tmp_path: Path) -> None:
    """mod_audio_fork with an application beside it, which declares the intent and hears the decisions."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            await served.service.store.customers.upsert("customer-1")
            line = freeswitch(Dialling("", "call-1", "customer-1"))
            async with served.stream(PATH, subprotocols=FORK) as socket:
                await socket.send(line.opening()[0])
                await said(socket, "json", "started")
                for at in range(0, 80000, 160):
                    await socket.send(line.audio({"caller": SPEECH[at : at + 160]})[0])
                await heard(served, "call-1", 10.0)
                await socket.send(line.intent("refund", {"amount": "5"}) or "")
                asked = await said(socket, "json", "decision")
                assert ("step_up", "refund") == (asked["decision"], asked["action"])
                await until(lambda: bool(served.phone.codes))
                for digit in served.phone.codes[0].code:
                    await socket.send(line.digit(digit))
                allowed = await said(socket, "json", "decision")
                assert "allow" == allowed["decision"]
            records = await recorded(served, "call-1", "stopped")
            assert ["step_up", "allow"] == [item["decision"] for item in records if item["kind"] == "decision"]

    asyncio.run(run())


def test_handover_is_a_transfer(tmp_path: Path) -> None:
    """A decision that mod_audio_fork has an event for comes as that too."""

    async def run() -> None:
        async with serving(tmp_path, voice=Voice(llr=9.0)) as served:
            await served.service.store.customers.upsert("customer-1")
            async with served.stream(PATH, subprotocols=FORK) as socket:
                await opened(socket)
                await speak(socket, 10.0)
                await heard(served, "call-1", 10.0)
                await socket.send('{"event":"intent","action":"refund"}')
                assert "handover" == (await said(socket, "json", "decision"))["decision"]
                assert "refund" == (await said(socket, "transfer", "decision"))["action"]
            await recorded(served, "call-1", "stopped")

    asyncio.run(run())


def test_denial_is_a_disconnect(tmp_path: Path) -> None:
    """So does a denial: nobody knows the customer."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream(PATH, subprotocols=FORK) as socket:
                await opened(socket)
                await speak(socket, 10.0)
                await heard(served, "call-1", 10.0)
                await socket.send('{"event":"intent","action":"refund"}')
                assert "deny" == (await said(socket, "json", "decision"))["decision"]
                assert "deny" == (await said(socket, "disconnect", "decision"))["decision"]

    asyncio.run(run())


def test_stream_module_is_told_plainly(tmp_path: Path) -> None:
    """mod_audio_stream offers no subprotocol, and hands our messages on as they are."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream(PATH) as socket:
                assert "started" == (await opened(socket))["type"]
                await speak(socket, 5.0)
                await heard(served, "call-1", 5.0)
                assert "risk" == json.loads(await socket.recv())["type"]
            await recorded(served, "call-1", "stopped")

    asyncio.run(run())


@pytest.mark.parametrize(("rate_hz", "frame"), [(8000, 320), (16000, 640), (48000, 1920)])
def test_rates(tmp_path: Path, rate_hz: int, frame: int) -> None:
    """A second is a second at any rate."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream(PATH) as socket:
                await opened(socket, sampleRate=rate_hz)
                for _ in range(50):
                    await socket.send(bytes(frame))
                await heard(served, "call-1", 0.8)
            await recorded(served, "call-1", "stopped")

    asyncio.run(run())


@pytest.mark.parametrize(("subprotocols", "last"), [(FORK, ("error", "unsupported_media")), (None, ("error", None))])
def test_mixed_audio_is_refused(tmp_path: Path, subprotocols: Any, last: tuple[str, str | None]) -> None:
    """Caller and agent in one channel: told, in each module's words, and closed."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream(PATH, subprotocols=subprotocols) as socket:
                answer = await opened(socket, mixType="mixed")
                assert last == (answer["type"], answer.get("data", {}).get("code"))
                await closed(socket, 1003)
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


def test_audio_without_metadata_is_refused(tmp_path: Path) -> None:
    """A fork that was started without says not whose call it is."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream(PATH, subprotocols=FORK) as socket:
                await socket.send(bytes(MAX_EARLY_BYTES + 1))
                assert "out_of_order" == (await said(socket, "error", "error"))["code"]
                await closed(socket, 1008)

    asyncio.run(run())


def test_a_broken_socket_is_no_stop(tmp_path: Path) -> None:
    """Without a close frame the call has vanished."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream(PATH) as socket:
                await opened(socket)
                socket.transport.abort()
            await recorded(served, "call-1", "vanished")

    asyncio.run(run())
