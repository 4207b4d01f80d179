"""A line dialled: its connection to the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from voiceguard.simulator.protocols.audiosocket import AudioSocketLine
from voiceguard.simulator.protocols.platform import Heard, Line, Message


class Connection(Protocol):
    """Frames both ways; iterating ends when the service closes."""

    async def send(self, message: Message) -> None: ...
    async def recv(self) -> Message: ...
    async def close(self) -> None: ...
    @property
    def transport(self) -> asyncio.WriteTransport: ...
    def __aiter__(self) -> AsyncIterator[Message]: ...


@asynccontextmanager
async def dialled(line: Line, origin: str) -> AsyncIterator[Connection]:
    """The line's connection, opened as its protocol demands. Raises OSError, websockets' exceptions or httpx's."""
    if isinstance(line, AudioSocketLine):
        async with _registered(line, origin) as connection:
            yield connection
        return
    url = origin.replace("http", "ws", 1) + line.path
    async with connect(
        url, additional_headers=line.headers, subprotocols=[Subprotocol(name) for name in line.subprotocols] or None,
        compression=None, max_queue=None,
    ) as socket:
        yield socket


async def open_call(line: Line, connection: Connection) -> None:
    """The call's first messages, and the service's answer where the protocol waits for it."""
    for message in line.opening():
        await connection.send(message)
    if line.awaits_answer:
        await answer(line, connection, await connection.recv())


async def hang_up(line: Line, connection: Connection) -> None:
    """The end of the call, as its protocol words it."""
    last = line.closing()
    if last is None:
        await connection.close()
    else:
        await connection.send(last)


async def answer(line: Line, connection: Connection, frame: Message) -> Heard:
    """Take one frame of the service, and send what the protocol demands in return."""
    heard = line.heard(frame)
    for reply in heard.replies:
        await connection.send(reply)
    return heard


class _TcpConnection:
    """A TCP stream as a connection; what comes is given as it was cut."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @property
    def transport(self) -> asyncio.WriteTransport:
        """What lies under it; aborting that breaks the line as a network does."""
        return self._writer.transport

    async def send(self, message: Message) -> None:
        assert isinstance(message, bytes)
        self._writer.write(message)
        await self._writer.drain()

    async def recv(self) -> Message:
        return await self._reader.read(65536)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def __aiter__(self) -> AsyncIterator[Message]:
        while data := await self.recv():
            yield data


@asynccontextmanager
async def _registered(line: AudioSocketLine, origin: str) -> AsyncIterator[Connection]:
    async with httpx.AsyncClient(base_url=origin, headers=line.headers) as api:
        answer = await api.post(line.path, json=line.registration)
        answer.raise_for_status()
    line.uuid = UUID(answer.json()["uuid"])
    host = urlsplit(origin).hostname
    connection = _TcpConnection(*await asyncio.open_connection(host, line.port))
    try:
        yield connection
    finally:
        await connection.close()
