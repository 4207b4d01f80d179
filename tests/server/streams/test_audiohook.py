"""Genesys AudioHook on a real socket: who may connect, and whole sessions from their first message to their record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.ingest.audiohook_client import CALL, OPEN, media
from tests.server.endings import closed, recorded, until
from tests.server.serving import SPEECH, Served, heard, serving
from voiceguard.adapters.store import StoreError
from voiceguard.ingest.audiohook_messages import NULL_UUID
from voiceguard.settings import AudioHookKey, AudioHookOptions
from voiceguard.simulator.protocols.audiohook import ORGANIZATION_ID, PATH, AudioHookLine, request_headers
from voiceguard.simulator.protocols.platform import FRAME_SAMPLES

door = import_module("voiceguard.server.streams.audiohook")  # its package holds a function of the same name
NOW = 1_700_000_000.0
KEY, SECRET = "the-api-key", b"the client secret"
OPTIONS = AudioHookOptions(keys=(
    AudioHookKey("another-key", "YW5vdGhlciBzZWNyZXQ="), AudioHookKey(KEY, "dGhlIGNsaWVudCBzZWNyZXQ="),
    AudioHookKey("unsigned-key"),
))


@dataclass
class Clock:
    """A clock that only waiting moves, and each look at it by 0.01 s."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        self.now += 0.01
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """In the place of the door's own."""
    clock = Clock()
    monkeypatch.setattr(door, "_monotonic", clock)
    monkeypatch.setattr(door, "_sleep", clock.sleep)
    return clock


def authority(served: Served) -> str:
    """host:port, as the client asks for it."""
    return served.origin.partition("://")[2]


def signed(served: Served, *, key: str = KEY, secret: bytes = SECRET, created: float = NOW) -> dict[str, str]:
    """Headers of a request of now."""
    return request_headers(authority(served), key, secret, created=int(created))


def joined(served: Served, headers: Mapping[str, str], path: str = PATH) -> connect:
    """A websocket with these headers and no others of ours."""
    return connect(served.origin.replace("http", "ws", 1) + path, additional_headers=headers, compression=None)


async def status(served: Served, headers: Mapping[str, str], path: str = PATH) -> int:
    """HTTP status of an upgrade."""
    try:
        async with joined(served, headers, path):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


async def opened(socket: ClientConnection, line: AudioHookLine, message: str | bytes | None = None) -> dict[str, Any]:
    """The `opened` that the line's `open`, or another, is answered with."""
    await socket.send(message or line.opening()[0])
    return await said(socket, line, "opened")


async def said(socket: ClientConnection, line: AudioHookLine, kind: str) -> dict[str, Any]:
    """The next message of a type; the line answers whatever comes. Raises TimeoutError after 10 s."""
    async with asyncio.timeout(10):
        while True:
            frame = await socket.recv()
            for reply in line.heard(frame).replies:
                await socket.send(reply)
            message: dict[str, Any] = json.loads(frame)
            if message["type"] == kind:
                return message


async def speak(socket: ClientConnection, line: AudioHookLine, seconds: float, begin_s: float = 0.0) -> None:
    """That much of the caller's speech, as fast as it goes."""
    for at in range(int(begin_s * 8000), int((begin_s + seconds) * 8000), FRAME_SAMPLES):
        for message in line.audio({"caller": SPEECH[at : at + FRAME_SAMPLES]}):
            await socket.send(message)


# ── who may connect ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_signed_upgrade_is_taken(tmp_path: Path, clock: Clock) -> None:
    """A signature of now under the key's secret opens the websocket, at once."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            assert 101 == await status(served, signed(served))
            assert [] == clock.waits

    asyncio.run(run())


def test_key_without_secret_is_taken(tmp_path: Path) -> None:
    """An integration without a client secret proves itself by its key alone."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            assert 101 == await status(served, signed(served, key="unsigned-key", secret=b""))

    asyncio.run(run())


@pytest.mark.parametrize("origin", ["https://voice.example", "wss://voice.example:443", "https://VOICE.example/"])
def test_signature_names_the_public_origin(tmp_path: Path, origin: str) -> None:
    """Behind a proxy the client signs the host that it sees, without the scheme's own port."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW, public_origin=origin) as served:
            assert 101 == await status(served, request_headers("voice.example", KEY, SECRET, created=int(NOW)))
            assert 401 == await status(served, signed(served))

    asyncio.run(run())


@pytest.mark.parametrize(("change", "expected"), [
    ({"X-API-KEY": "unknown-key"}, 401), ({"X-API-KEY": ""}, 401), ({"Signature": "sig1=:bm8=:"}, 401),
    ({"Audiohook-Session-Id": NULL_UUID}, 401), ({"Signature-Input": ""}, 401),
])
def test_changed_request_is_refused(
    tmp_path: Path, clock: Clock, change: dict[str, str], expected: int
) -> None:
    """Whatever is changed is refused before the upgrade, half a second after it came."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            assert expected == await status(served, signed(served) | change)
            assert [0.49] == clock.waits
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


def test_other_signatures_are_refused(tmp_path: Path, clock: Clock) -> None:
    """Old, of the future, of another secret, for another path, of a key that need not sign, or none at all."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            for headers in (
                signed(served, created=NOW - 14), signed(served, created=NOW + 4), signed(served, secret=b"a guess"),
                signed(served, key="unknown-key"), signed(served, key="unsigned-key", secret=b"any"),
                signed(served, secret=b""),
            ):
                assert 401 == await status(served, headers)
            assert 401 == await status(served, signed(served), PATH + "?more")
            assert [0.49] * 7 == clock.waits

    asyncio.run(run())


def test_unconfigured_audiohook_is_refused(tmp_path: Path) -> None:
    """Where no key is configured nobody can prove to be Genesys."""

    async def run() -> None:
        async with serving(tmp_path, now=lambda: NOW) as served:
            assert 401 == await status(served, signed(served))
            assert 401 == await status(served, {})

    asyncio.run(run())


def test_replayed_request_is_refused(tmp_path: Path) -> None:
    """A signature opens one websocket; whoever shows it again is refused, though it is still of now."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            headers = signed(served)
            assert (101, 401) == (await status(served, headers), await status(served, headers))

    asyncio.run(run())


def test_nonce_unchecked_is_no_nonce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """While the store cannot say whether a signature was used, it is not taken."""

    async def broken(*_: Any) -> bool:
        raise StoreError("no answer")

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            monkeypatch.setattr(served.service.store.nonces, "use", broken)
            assert (503, [0.49]) == (await status(served, signed(served)), clock.waits)

    asyncio.run(run())


@pytest.mark.parametrize("name", ["Audiohook-Organization-Id", "Audiohook-Session-Id", "Audiohook-Correlation-Id"])
def test_identities_are_needed(tmp_path: Path, name: str) -> None:
    """A request that is not signed still says whose it is and which session it opens."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            headers = signed(served, key="unsigned-key", secret=b"")
            assert 400 == await status(served, headers | {name: "nobody"})
            del headers[name]
            assert 400 == await status(served, headers)

    asyncio.run(run())


# ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whole_call(tmp_path: Path) -> None:
    """A conversation asks through the API, hears of it in events, its customer keys the code, and its record is whole
    and holds no telephone number."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS) as served:
            await served.service.store.customers.upsert("customer-1")
            headers = request_headers(authority(served), KEY, SECRET, created=int(served.service.now()))
            line = AudioHookLine(CALL, "customer-1", headers)
            async with joined(served, headers) as socket, served.api() as api:
                answer = await opened(socket, line)
                assert [media("e")] == answer["parameters"]["media"]
                await speak(socket, line, 10.0)
                await heard(served, CALL, 10.0)
                event = await said(socket, line, "event")
                (entity,) = event["parameters"]["entities"]
                assert ("voiceguard_risk", CALL, "low") == (
                    entity["type"], entity["data"]["call_id"], entity["data"]["band"]
                )
                asked = (await api.post(f"/v1/calls/{CALL}/actions", json={"action": "refund"})).json()
                assert "step_up" == asked["decision"]
                await until(lambda: served.phone.codes)
                for digit in served.phone.codes[0].code:
                    await socket.send(line.digit(digit))
                call = served.service.registry.calls[CALL]
                await until(lambda: call.decisions.decided[asked["action_id"]].state == "allowed")
                grant = (await api.get(f"/v1/actions/{asked['action_id']}")).json()["grant"]
                assert 200 == (await api.post("/v1/grants/redeem", json={"grant": grant})).status_code
                await socket.send(line.closing())
                frames = [frame async for frame in socket]
            messages = [json.loads(frame) for frame in frames]
            assert "closed" == messages[-1]["type"]
            assert list(range(messages[0]["seq"], messages[0]["seq"] + len(messages))) == [
                message["seq"] for message in messages
            ]
            assert {"voiceguard_decision", "voiceguard_challenge"} <= {
                entity["type"] for message in messages for entity in message["parameters"].get("entities", [])
            }
            assert grant not in "".join(map(str, frames))
            records = await recorded(served, CALL, "stopped")
            assert ["step_up", "allow"] == [item["decision"] for item in records if item["kind"] == "decision"]
            assert ("customer-1", ORGANIZATION_ID) == (
                records[0]["customer_ref"], records[0]["metadata"]["organization_id"]
            )
            assert "55550" not in json.dumps(records)

    asyncio.run(run())


def test_connection_probe(tmp_path: Path) -> None:
    """A probe is answered to its end, and nothing of it is stored."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            headers = signed(served)
            line = AudioHookLine(NULL_UUID, None, headers)
            async with joined(served, headers) as socket:
                await opened(socket, line)
                await socket.send(line.audio({"caller": SPEECH[:FRAME_SAMPLES]})[0])
                await socket.send(line.closing())
                assert {} == (await said(socket, line, "closed"))["parameters"]
                await closed(socket, 1000)
            assert ([], {}) == (await served.service.store.calls.list(), served.service.registry.calls)

    asyncio.run(run())


def test_pause_until_it_matters(tmp_path: Path) -> None:
    """With enough heard the session is paused; a sensitive question resumes it, and until its caller was heard again
    even a right code moves no money."""

    async def run() -> None:
        options = AudioHookOptions(keys=OPTIONS.keys, pause_after_s=4.0)
        async with serving(tmp_path, audiohook=options, now=lambda: NOW) as served:
            await served.service.store.customers.upsert("customer-1")
            headers = signed(served)
            line = AudioHookLine(CALL, "customer-1", headers)
            async with joined(served, headers) as socket, served.api() as api:
                await opened(socket, line)
                await speak(socket, line, 10.0)
                await said(socket, line, "pause")
                await speak(socket, line, 10.0)
                asked = (await api.post(f"/v1/calls/{CALL}/actions", json={"action": "refund"})).json()
                assert ("step_up", "inconclusive") == (asked["decision"], asked["risk"]["state"])
                await said(socket, line, "resume")
                await until(lambda: served.phone.codes)
                for digit in served.phone.codes[0].code:
                    await socket.send(line.digit(digit))
                decided = served.service.registry.calls[CALL].decisions.decided
                await until(lambda: decided[asked["action_id"]].decision != "step_up")
                assert ("handover", "code_alone") == (
                    decided[asked["action_id"]].decision, decided[asked["action_id"]].rule
                )
                await socket.send(line.closing())
                await said(socket, line, "closed")
            records = await recorded(served, CALL, "stopped")
            assert ["paused", "resumed"] == [item["media"] for item in records if item["kind"] == "media"]
            (passed,) = [item["ms"] for item in records if item.get("media") == "resumed"]
            assert 10000.0 <= passed < 20000.0

    asyncio.run(run())


def test_fault_of_the_client(tmp_path: Path) -> None:
    """Who breaks the protocol is told to disconnect and why, its `close` is answered, and its call is recorded."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            headers = signed(served)
            line = AudioHookLine(CALL, None, headers)
            async with joined(served, headers) as socket:
                await opened(socket, line)
                await socket.send("not JSON")
                message = await said(socket, line, "disconnect")
                assert message["parameters"]["info"].startswith("400 bad_json")
                await socket.send(b"\xff")
                await socket.send(line.digit("1"))
                await socket.send(line.closing())
                await said(socket, line, "closed")
                await closed(socket, 1007)
            await recorded(served, CALL, "protocol_error")

    asyncio.run(run())


def test_client_that_never_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that does not close what it was told to disconnect is not waited for beyond the farewell's time."""
    monkeypatch.setattr(door, "FAREWELL_S", 0.0)

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            headers = signed(served)
            line = AudioHookLine(CALL, None, headers)
            async with joined(served, headers) as socket:
                await opened(socket, line)
                await socket.send(b"\xff" * 70000)
                assert "413" == (await said(socket, line, "disconnect"))["parameters"]["info"][:3]
                await closed(socket, 1009)

    asyncio.run(run())


def test_another_organisation(tmp_path: Path) -> None:
    """A session for another organisation than the one that signed is not opened."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            headers = signed(served)
            line = AudioHookLine(CALL, None, headers)
            async with joined(served, headers) as socket:
                opening = json.loads(line.opening()[0])
                opening["parameters"]["organizationId"] = OPEN["organizationId"]
                await socket.send(json.dumps(opening))
                assert {"reason": "unauthorized"} == (await said(socket, line, "disconnect"))["parameters"]
                await socket.send(line.closing())
                await said(socket, line, "closed")
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


def test_fault_that_the_client_reports(tmp_path: Path) -> None:
    """What the client complains of is counted by its code."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            headers = signed(served)
            line = AudioHookLine(CALL, None, headers)
            async with joined(served, headers) as socket, served.api() as api:
                await opened(socket, line)
                await socket.send(line._numbered("error", code=429, message="slower"))
                await socket.send(line.closing())
                await said(socket, line, "closed")
                metrics = (await api.get("/metrics")).text
            assert 'voiceguard_stream_faults_reported_total{code="429"} 1.0' in metrics

    asyncio.run(run())


def test_lost_connection_is_recorded(tmp_path: Path) -> None:
    """A session cut in mid-word is recorded up to there."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            headers = signed(served)
            line = AudioHookLine(CALL, None, headers)
            async with joined(served, headers) as socket:
                await opened(socket, line)
                await speak(socket, line, 10.0)
                await heard(served, CALL, 10.0)
                socket.transport.abort()
            assert "risk" in {record["kind"] for record in await recorded(served, CALL, "vanished")}

    asyncio.run(run())
