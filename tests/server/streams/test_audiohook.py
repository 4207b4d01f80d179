"""Genesys AudioHook on a real socket: whole sessions from their first message to their record."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.ingest.audiohook_client import CALL, OPEN, media
from tests.server.endings import closed, recorded, until
from tests.server.serving import SPEECH, heard, serving
from tests.server.streams.audiohook_calls import (
    KEY,
    NOW,
    OPTIONS,
    SECRET,
    Clock,
    authority,
    door,
    in_place_of_its_own,
    joined,
    opened,
    said,
    signed,
    speak,
)
from voiceguard.ingest.audiohook_messages import NULL_UUID
from voiceguard.settings import AudioHookOptions
from voiceguard.simulator.protocols.audiohook import ORGANIZATION_ID, AudioHookLine, request_headers
from voiceguard.simulator.protocols.platform import FRAME_SAMPLES


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """In the place of the endpoint's own."""
    return in_place_of_its_own(monkeypatch)


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
