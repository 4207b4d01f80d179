"""Taking a right back reaches what is open by it: streams and live feeds, of keys and of people."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.server.desk import session_token
from tests.server.endings import recorded, until
from tests.server.serving import SCOPES, SPEECH, Served, said, serving, start
from voiceguard.adapters.store import StoreError
from voiceguard.adapters.store.api_keys import ApiKeys
from voiceguard.ingest.audiosocket import message
from voiceguard.server.access.password_policy import token_digest
from voiceguard.settings import AudioSocketOptions, DeskOptions


def on(folder: Path, case: Callable[[Served], Awaitable[Any]], **settings: Any) -> Any:
    """What `case` gives on a running service."""
    async def run() -> Any:
        async with serving(folder, **settings) as served:
            return await case(served)

    return asyncio.run(run())


async def made(served: Served, name: str = "mallory") -> str:
    """A key of every scope."""
    return await served.service.store.api_keys.create(name, SCOPES, by="tests", now=1.0)


async def closed(socket: Any) -> tuple[int | None, list[dict[str, Any]]]:
    """The code with which the server closes, and what it says before. Raises TimeoutError after 10 s."""
    told = []
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionClosed):
            while True:
                told.append(json.loads(await socket.recv()))
    return socket.close_code, told


@pytest.mark.parametrize("change", ["revoked", "rotated", "expired"])
def test_stream_of_a_revoked_key_is_closed(change: str, tmp_path: Path) -> None:
    """While it sends as fast as it can: an error in the protocol's own terms, 1008, and the call has ended."""
    clock = [1_800_000_000.0]

    async def case(served: Served) -> tuple[Any, ...]:
        keys: ApiKeys = served.service.store.api_keys
        key = await made(served)
        async with served.stream(key=key) as socket:
            await socket.send(start())
            await said(socket, "started")

            async def flood() -> None:
                while True:
                    await socket.send(SPEECH[:160])
                    await asyncio.sleep(0)

            sending = asyncio.create_task(flood())
            if change == "revoked":
                await keys.revoke("mallory", by="tests", now=2.0)
            else:
                grace_s = 0.0 if change == "rotated" else 60.0
                await keys.rotate("mallory", grace_s=grace_s, by="tests", now=clock[0])
                clock[0] += 61.0
            code, told = await closed(socket)
            sending.cancel()
        await until(lambda: not served.service.registry.calls)
        return code, told[-2:], await recorded(served, "call-1", "revoked")

    code, (error, stopped), _ = on(tmp_path, case, now=lambda: clock[0], reconnect_s=30.0)
    assert (1008, {"unauthenticated", "revoked"}) == (code, {error.get("code", error.get("reason")),
                                                            stopped.get("code", stopped.get("reason"))})


def test_other_keys_stream_goes_on(tmp_path: Path) -> None:
    """Revoking one key ends what is open by it and nothing else."""
    async def case(served: Served) -> list[str]:
        key = await made(served)
        async with served.call("call-1"), served.stream(key=key) as socket:
            await socket.send(start("call-2"))
            await said(socket, "started")
            await served.service.store.api_keys.revoke("mallory", by="tests", now=2.0)
            await closed(socket)
            await served.service.connections.look(served.service.store, served.service.now())
            return list(served.service.registry.calls)

    assert ["call-1"] == on(tmp_path, case)


def test_stream_that_has_not_started_is_closed(tmp_path: Path) -> None:
    """An open socket of a revoked key can start no call any more."""
    async def case(served: Served) -> tuple[int | None, Any]:
        async with served.stream(key=await made(served)) as socket:
            await until(lambda: bool(served.service.connections._open))
            await served.service.store.api_keys.revoke("mallory", by="tests", now=2.0)
            code, _ = await closed(socket)
        return code, await served.service.store.calls.list()

    assert (1008, []) == on(tmp_path, case)


@pytest.mark.parametrize("path", ["/v1/stream/asterisk", "/v1/stream/freeswitch", "/v1/stream/jambonz"])
def test_platform_with_a_key_is_closed(path: str, tmp_path: Path) -> None:
    """Every protocol that is opened by a key of ours watches it."""
    async def case(served: Served) -> int | None:
        name = {"/v1/stream/asterisk": "media", "/v1/stream/jambonz": "audio.jambonz.org"}.get(path)
        offered = {} if name is None else {"subprotocols": [name]}
        async with served.stream(path, key=await made(served), **offered) as socket:
            await until(lambda: bool(served.service.connections._open))
            await served.service.store.api_keys.revoke("mallory", by="tests", now=2.0)
            async with asyncio.timeout(10):
                await socket.wait_closed()
            return socket.close_code

    assert 1008 == on(tmp_path, case)


@pytest.mark.parametrize("when", ["before the call", "in the call"])
def test_call_that_a_revoked_key_registered_is_closed(when: str, tmp_path: Path) -> None:
    """AudioSocket has no key of its own: the call hangs on the key that announced it."""
    async def case(served: Served) -> Any:
        key = await made(served)
        async with served.api(key) as api:
            uuid = (await api.post("/v1/audiosocket/calls", json={"call_id": "call-1"})).json()["uuid"]
        if when == "before the call":
            await served.service.store.api_keys.revoke("mallory", by="tests", now=2.0)
        reader, writer = await asyncio.open_connection("127.0.0.1", served.service.audiosocket_port)
        writer.write(message(0x01, bytes.fromhex(uuid.replace("-", ""))) + message(0x10, b"\0" * 320))
        await writer.drain()
        if when == "in the call":
            await until(lambda: "call-1" in served.service.registry.calls)
            await served.service.store.api_keys.revoke("mallory", by="tests", now=2.0)
        async with asyncio.timeout(10):
            while await reader.read(4096):
                pass
        writer.close()
        await until(lambda: not served.service.registry.calls)
        return [call["end_reason"] for call in await served.service.store.calls.list()]

    expected = [] if when == "before the call" else ["revoked"]
    assert expected == on(tmp_path, case, audiosocket=AudioSocketOptions(port=0))


def test_feed_of_a_revoked_key_is_closed(tmp_path: Path) -> None:
    """A leaked key that follows the calls hears nothing more."""
    async def case(served: Served) -> tuple[int | None, str | None]:
        async with served.stream("/v1/live", key=await made(served)) as socket:
            await said(socket, "snapshot")
            await served.service.store.api_keys.revoke("mallory", by="tests", now=2.0)
            await closed(socket)
            return socket.close_code, socket.close_reason

    assert (1008, "the key is revoked") == on(tmp_path, case)


def test_feed_of_an_idle_session_is_closed(tmp_path: Path) -> None:
    """A session that ends by itself ends its feed."""
    clock = [1_800_000_000.0]

    async def case(served: Served) -> int | None:
        token = await session_token(served)
        headers = {"Cookie": f"voiceguard={token}", "Origin": served.origin, "Authorization": ""}
        async with served.stream("/v1/live", headers=headers) as socket:
            await said(socket, "snapshot")
            clock[0] += 301.0
            return (await closed(socket))[0]

    assert 1008 == on(tmp_path, case, now=lambda: clock[0], desk=DeskOptions(session_idle_s=300.0))


def test_store_that_refuses_closes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a right was taken back cannot be known then; the next look tells."""
    async def case(served: Served) -> tuple[int, int | None]:
        async with served.stream("/v1/live", key=await made(served)) as socket:
            await said(socket, "snapshot")

            async def refuse(*_: Any) -> Any:
                raise StoreError("disk full")

            with monkeypatch.context() as broken:
                broken.setattr(served.service.store.api_keys, "holders", refuse)
                await served.service.store.api_keys.revoke("mallory", by="tests", now=2.0)
                with pytest.raises(StoreError):
                    await served.service.connections.look(served.service.store, served.service.now())
                open_then = len(served.service.connections._open)
            return open_then, (await closed(socket))[0]

    assert (1, 1008) == on(tmp_path, case)


def test_closed_connections_are_forgotten(tmp_path: Path) -> None:
    """Nothing is looked up for what is gone."""
    async def case(served: Served) -> int:
        async with served.call():
            pass
        await until(lambda: not served.service.connections._open)
        token = token_digest("nobody")
        return len(await served.service.store.users.sessions([token]))

    assert 0 == on(tmp_path, case)
