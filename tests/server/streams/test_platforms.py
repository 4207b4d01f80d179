"""Platforms that prove themselves, on a real socket: a whole call of each, from its first frame to its record."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.server.endings import closed, keyed_refund, recorded, until
from tests.server.serving import SPEECH, Served, heard, serving
from voiceguard.adapters.store import StoreError
from voiceguard.settings import PlivoOptions, Settings, SignalWireOptions, TelnyxOptions, VonageOptions
from voiceguard.simulator.connection import hang_up
from voiceguard.simulator.protocols import LINES
from voiceguard.simulator.protocols.platform import FRAME_SAMPLES, Dialling, Line

SECRET = "a secret of the platform and the service"
HIDDEN = SecretStr(SECRET)
PROVEN: dict[str, Any] = {
    "plivo": PlivoOptions(auth_token=HIDDEN), "signalwire": SignalWireOptions(stream_secret=HIDDEN),
    "telnyx": TelnyxOptions(stream_secret=HIDDEN), "vonage": VonageOptions(signature_secret=HIDDEN),
}
BY_TOKEN = ("signalwire", "telnyx")
"""They are admitted at the start of the call, and the others at the upgrade."""


def line_to(served: Served, protocol: str, call_id: str = "call-1") -> Line:
    """A platform's line, with its proof."""
    return LINES[protocol](Dialling(served.origin, call_id, "customer-1", settings=Settings(**PROVEN)))


async def speak(socket: ClientConnection, line: Line, seconds: float) -> None:
    """That much of the caller's speech, as fast as it goes."""
    for at in range(0, int(seconds * 8000), FRAME_SAMPLES):
        for message in line.audio({"caller": SPEECH[at : at + FRAME_SAMPLES]}):
            await socket.send(message)


async def opened(socket: ClientConnection, line: Line) -> None:
    """The call's first messages."""
    for message in line.opening():
        await socket.send(message)


async def status(served: Served, line: Line) -> int:
    """HTTP status of an upgrade with the line's proof."""
    try:
        async with served.stream(line.path, headers=dict(line.headers)):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


@pytest.mark.parametrize("protocol", PROVEN)
def test_whole_call(tmp_path: Path, protocol: str) -> None:
    """A call asks through the API, its customer keys the delivered code, and the call ends in order. Nothing is said on
    the stream, and its proof is nowhere in the record."""

    async def run() -> None:
        async with serving(tmp_path, **PROVEN) as served:
            await served.service.store.customers.upsert("customer-1")
            line = line_to(served, protocol)
            async with served.stream(line.path, headers=dict(line.headers)) as socket, served.api() as api:
                await opened(socket, line)
                await speak(socket, line, 10.0)
                await heard(served, "call-1", 10.0)
                await keyed_refund(served, api, lambda digit: socket.send(line.digit(digit) or ""))
                await hang_up(line, socket)
                assert [] == [message async for message in socket]
            records = await recorded(served, "call-1", "stopped")
            assert "customer-1" == records[0]["customer_ref"] and ["voice_analysis"] == records[0]["consent"]
            assert "risk" in {record["kind"] for record in records}
            assert [] == [record for record in records if record["kind"] == "media"]
            written = json.dumps(records)
            assert [] == [value for value in line.headers.values() if value in written]

    asyncio.run(run())


@pytest.mark.parametrize("protocol", PROVEN)
def test_lost_connection_is_recorded(tmp_path: Path, protocol: str) -> None:
    """A stream cut in mid-word vanished, also where the protocol has no last message."""

    async def run() -> None:
        async with serving(tmp_path, **PROVEN) as served:
            line = line_to(served, protocol)
            async with served.stream(line.path, headers=dict(line.headers)) as socket:
                await opened(socket, line)
                await speak(socket, line, 10.0)
                await heard(served, "call-1", 10.0)
                socket.transport.abort()
            assert "risk" in {record["kind"] for record in await recorded(served, "call-1", "vanished")}

    asyncio.run(run())


@pytest.mark.parametrize("protocol", PROVEN)
def test_unconfigured_platforms_are_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, protocol: str
) -> None:
    """Without credentials nobody can prove to be the platform, and no knock at the door fills the log."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            assert 403 == await status(served, line_to(served, protocol))
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())
    assert [] == [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


@pytest.mark.parametrize("protocol", PROVEN)
def test_proof_of_another_secret_is_refused(tmp_path: Path, protocol: str) -> None:
    """Before anything of the call is heard."""

    async def run() -> None:
        async with serving(tmp_path, **PROVEN) as served:
            line = LINES[protocol](Dialling(served.origin, "call-1"))
            if protocol in BY_TOKEN:
                async with served.stream(line.path, headers=dict(line.headers)) as socket:
                    await opened(socket, line)
                    await closed(socket, 1008)
            else:
                assert 403 == await status(served, line)
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


@pytest.mark.parametrize("protocol", PROVEN)
def test_no_proof_is_refused(tmp_path: Path, protocol: str) -> None:
    """An API key of ours does not help."""

    async def run() -> None:
        async with serving(tmp_path, **PROVEN) as served:
            path = f"/v1/stream/{protocol}"
            with pytest.raises(InvalidStatus) as refusal:
                async with connect(served.origin.replace("http", "ws", 1) + path):
                    pass
            assert 403 == refusal.value.response.status_code
            if protocol == "signalwire":  # whose proof is a bearer token too
                async with served.stream(path) as socket:
                    await opened(socket, line_to(served, protocol))
                    await closed(socket, 1008)
            else:
                with pytest.raises(InvalidStatus):
                    async with served.stream(path):
                        pass
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


@pytest.mark.parametrize("protocol", PROVEN)
def test_replayed_proof_is_refused(tmp_path: Path, protocol: str) -> None:
    """A proof opens one stream; whoever shows it again is refused, though it has not expired."""

    async def run() -> None:
        async with serving(tmp_path, **PROVEN) as served:
            line = line_to(served, protocol)
            async with served.stream(line.path, headers=dict(line.headers)) as socket:
                await opened(socket, line)
                await until(lambda: "call-1" in served.service.registry.calls)
                await hang_up(line, socket)
                await socket.wait_closed()
            await recorded(served, "call-1", "stopped")
            if protocol in BY_TOKEN:
                async with served.stream(line.path, headers=dict(line.headers)) as socket:
                    await opened(socket, line)
                    await closed(socket, 1008)
            else:
                assert 403 == await status(served, line)
            assert ["started"] == [
                record["kind"] for record in await served.service.store.calls.events("call-1")
                if record["kind"] == "started"
            ]

    asyncio.run(run())


@pytest.mark.parametrize("protocol", PROVEN)
def test_proof_unchecked_is_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    """While the store cannot say whether a proof was used, the stream is refused."""

    async def broken(*_: object) -> bool:
        raise StoreError("no answer")

    async def run() -> None:
        async with serving(tmp_path, **PROVEN) as served:
            monkeypatch.setattr(served.service.store.nonces, "use", broken)
            line = line_to(served, protocol)
            if protocol in BY_TOKEN:
                async with served.stream(line.path, headers=dict(line.headers)) as socket:
                    await opened(socket, line)
                    await closed(socket, 1013)
            else:
                assert 403 == await status(served, line)
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


def test_token_of_another_call_is_refused(tmp_path: Path) -> None:
    """A stream token is bound to its call."""

    async def run() -> None:
        async with serving(tmp_path, **PROVEN) as served:
            for protocol in BY_TOKEN:
                line, other = line_to(served, protocol), line_to(served, protocol, "call-2")
                async with served.stream(line.path, headers=dict(other.headers)) as socket:
                    await opened(socket, line)
                    await closed(socket, 1008)
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


def test_signature_names_the_public_origin(tmp_path: Path) -> None:
    """Behind a proxy Plivo signs the URL that it sees, not the one that we listen on."""

    async def run() -> None:
        settings = Settings(**PROVEN, public_origin="https://voice.example")
        async with serving(tmp_path, public_origin="https://voice.example", **PROVEN) as served:
            seen = LINES["plivo"](Dialling(served.origin, "call-1", settings=settings))
            assert 101 == await status(served, seen)
            assert 403 == await status(served, line_to(served, "plivo"))

    asyncio.run(run())


def test_token_of_another_application_is_refused(tmp_path: Path) -> None:
    """Where the application of Vonage's is named, tokens of others under the same secret open nothing."""

    async def run() -> None:
        mine = VonageOptions(signature_secret=HIDDEN, application_id="mine")
        async with serving(tmp_path, vonage=mine) as served:
            assert 403 == await status(served, line_to(served, "vonage"))
            assert 101 == await status(
                served, LINES["vonage"](Dialling(served.origin, "call-1", settings=Settings(vonage=mine)))
            )

    asyncio.run(run())
