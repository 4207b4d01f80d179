"""The native stream on a real socket: clients that fail in mid-word, and a server that is slow or stops."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from pathlib import Path
from typing import Any

import httpx
import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import ClientConnection

from tests.server.endings import closed, recorded, until
from tests.server.serving import Served, heard, said, serving, speak, start
from voiceguard.adapters.store import Store
from voiceguard.server.streams import session

ASK = json.dumps({"type": "intent", "action": "balance_enquiry"})
UNKNOWN = json.dumps({"type": "hologram"})


async def decided(served: Served, socket: ClientConnection) -> None:
    """A call of 10 s in which something was decided, cut in mid-word."""
    await socket.send(start())
    await speak(socket, 10.0)
    await heard(served, "call-1", 10.0)
    await socket.send(ASK)
    await said(socket, "decision")
    await speak(socket, 1.0, begin_s=10.0)


@pytest.mark.parametrize("leave", ["abort", 1000, 1012])
def test_client_that_vanishes_is_recorded(tmp_path: Path, leave: str | int) -> None:
    """A connection lost in mid-word, or closed without `stop`, keeps all that was decided, and ends as vanished.

    The close code changes nothing, not even the one with which a server stops.
    """

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream() as socket:
                await decided(served, socket)
                if isinstance(leave, int):
                    await socket.close(leave)
                else:
                    socket.transport.abort()
            records = await recorded(served, "call-1", "vanished")
            assert {"started", "consent_given", "risk", "decision", "ended"} == {record["kind"] for record in records}

    asyncio.run(run())


def test_call_id_is_free_after_a_vanished_client(tmp_path: Path) -> None:
    """A platform that lost its connection can stream the call again under its id; both halves are one record."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream() as socket:
                await decided(served, socket)
                socket.transport.abort()
            await recorded(served, "call-1", "vanished")
            async with served.call():
                pass
            records = await recorded(served, "call-1", "stopped")
            assert ["vanished", "stopped"] == [item["reason"] for item in records if item["kind"] == "ended"]

    asyncio.run(run())


def test_stopping_server_says_goodbye(tmp_path: Path) -> None:
    """A server that stops closes its streams with 1012, and does not blame the callers in the record."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            socket = await served.stream()
            await decided(served, socket)
        await closed(socket, 1012)
        async with Store.open(served.service.settings.store_url) as store:
            records = await store.calls.events("call-1")
            assert ("ended", "shutdown") == (records[-1]["kind"], records[-1]["reason"])
            assert [] == (await store.audit.verify(served.service.keys.verify, now=0.0)).faults

    asyncio.run(run())


def test_slow_store_is_no_stall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client is not blamed for the time that the store takes: only its own silence is a stall."""

    async def run() -> None:
        async with serving(tmp_path, stall_s=0.2, hold_s=0.2) as served:
            append, gate = served.service.store.calls.append, asyncio.Event()

            async def slow(*records: Any) -> None:
                await gate.wait()
                await append(*records)

            monkeypatch.setattr(served.service.store.calls, "append", slow)
            async with served.stream() as socket:
                await socket.send(start())
                await socket.send(json.dumps({"type": "stop"}))
                await until(lambda: "call-1" in served.service.registry.calls)
                asyncio.get_running_loop().call_later(0.5, gate.set)
                await said(socket, "stopped", reason="stopped")
            await recorded(served, "call-1", "stopped")

    asyncio.run(run())


def test_burst_is_no_slow_reader(tmp_path: Path) -> None:
    """A client that reads gets every answer, however many of its messages come in one segment."""

    async def run() -> None:
        async with serving(tmp_path) as served, served.stream() as socket:
            await asyncio.gather(*(socket.send(UNKNOWN) for _ in range(1000)))
            for _ in range(1000):
                assert "unknown_type" == (await said(socket, "error"))["code"]

    asyncio.run(run())


def test_slow_reader_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that talks and never reads is refused, its call recorded, and nothing waits for it any more."""
    monkeypatch.setattr(session, "DRAIN_S", 0.1)
    made = WebSocketsSansIOProtocol.connection_made

    def narrowly_made(protocol: WebSocketsSansIOProtocol, transport: asyncio.Transport) -> None:
        transport.get_extra_info("socket").setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, 4096)
        transport.set_write_buffer_limits(4096)
        made(protocol, transport)

    # The kernel would keep megabytes for the reader, and a test would take long to send as much.
    monkeypatch.setattr(WebSocketsSansIOProtocol, "connection_made", narrowly_made)

    async def run() -> None:
        async with serving(tmp_path) as served:
            narrow = sockets.socket()
            narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            narrow.setblocking(False)
            await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", httpx.URL(served.origin).port))
            async with served.stream(sock=narrow, max_queue=1) as socket:
                await decided(served, socket)
                flood = asyncio.create_task(talk(socket))
                refused = served.service.metrics.registry.get_sample_value
                await until(lambda: refused("voiceguard_streams_refused_total", {"code": "too_slow"}))
                flood.cancel()
                await recorded(served, "call-1", "protocol_error")
                await until(lambda: not any("run_asgi" in repr(task) for task in asyncio.all_tasks()))
                socket.transport.abort()

    asyncio.run(run())


async def talk(socket: ClientConnection) -> None:
    """Messages without end, each answered by an error."""
    while True:
        await socket.send(UNKNOWN)
