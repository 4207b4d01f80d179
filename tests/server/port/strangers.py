"""Peers that hold no key, and what the process under attack holds of them."""

from __future__ import annotations

import asyncio
import base64
import gc
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.server.serving import Served, serving
from voiceguard.settings import LimitOptions, Settings

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
BRISK = LimitOptions(head_s=0.3, body_s=0.3, start_s=0.3, unread_s=0.3)


@asynccontextmanager
async def besieged(
    folder: Path, limits: LimitOptions = BRISK, **settings: Any
) -> AsyncIterator[Served]:
    """A service to which loopback is no trusted proxy."""
    async with serving(folder, limits=limits, **{"trusted_proxies": (), **settings}) as served:
        yield served


@asynccontextmanager
async def connected(served: Served) -> AsyncIterator[Ends]:
    """A bare TCP connection to the service."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(served))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def port_of(served: Served) -> int:
    """Where it listens."""
    port = urlsplit(served.origin).port
    assert port is not None
    return port


async def pour(writer: asyncio.StreamWriter, part: bytes, most: int) -> int:
    """Send `part` again and again until the connection is cut or `most` bytes went; returns what went."""
    sent = 0
    try:
        while sent < most and not writer.transport.is_closing():
            writer.write(part)
            await asyncio.wait_for(writer.drain(), 10)
            sent += len(part)
    except OSError:
        pass
    return sent


async def answer(reader: asyncio.StreamReader) -> bytes:
    """Everything until the service closes; what a reset took away is missing. Raises TimeoutError after 10 s."""
    got = b""
    async with asyncio.timeout(10):
        try:
            while part := await reader.read(65536):
                got += part
        except OSError:
            pass
    return got


async def left_alone(served: Served, open_before: int) -> None:
    """Return when no stranger is connected and no more descriptors are open than before."""
    async with asyncio.timeout(10):
        while served.service.census.strangers or descriptors() > open_before:
            gc.collect()
            await asyncio.sleep(0.01)


def descriptors() -> int:
    """Open descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


def refused(served: Served, reason: str) -> float:
    """How many connections this limit cut."""
    return served.service.metrics.connections_refused.labels(reason)._value.get()  # type: ignore[no-any-return]


def upgrade(path: str = "/v1/live", *lines: str) -> bytes:
    """A websocket's opening handshake."""
    key = base64.b64encode(bytes(16)).decode()
    head = (
        f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *lines, "", "",
    )
    return "\r\n".join(head).encode()


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A client's short frame, masked with zeros (RFC 6455 section 5.2)."""
    return bytes([opcode | (0x80 if fin else 0), 0x80 | len(payload)]) + bytes(4) + payload


def small_buffers(writer: asyncio.StreamWriter) -> None:
    """Let the kernel keep little of what this peer does not read."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


def settings(**changes: object) -> Settings:
    """Settings that read no environment of the test's."""
    return Settings(**changes)  # type: ignore[arg-type]


def withstood(folder: Path, case: Callable[[Served], Coroutine[Any, Any, Any]], limits: LimitOptions) -> Any:
    """What a case gives on a service within these limits, which it leaves as many descriptors as before."""
    async def main() -> Any:
        async with besieged(folder, limits) as served:
            before = descriptors()
            result = await case(served)
            await left_alone(served, before)
            return result

    return asyncio.run(main())
