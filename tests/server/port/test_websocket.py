"""Websockets that abuse frames, over real sockets."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path

import pytest

from tests.server.endings import until
from tests.server.port.strangers import (
    BRISK,
    answer,
    connected,
    frame,
    pour,
    refused,
    small_buffers,
    upgrade,
    withstood,
)
from tests.server.serving import Served, start
from voiceguard.server.port import websocket
from voiceguard.settings import LimitOptions

TEXT, BINARY, CONTINUED, PING, PONG = 1, 2, 0, 9, 10


_on = partial(withstood, limits=BRISK)


def _native(served: Served) -> bytes:
    return upgrade("/v1/stream/native", f"Authorization: Bearer {served.key}")


async def _accepted(reader: asyncio.StreamReader) -> None:
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("kind", [PING, PONG])
def test_flood_of_control_frames_is_cut(tmp_path: Path, kind: int) -> None:
    """Pings and pongs without messages between them, read or not."""

    async def case(served: Served) -> float:
        async with connected(served) as (reader, writer):
            writer.write(_native(served))
            await _accepted(reader)
            await pour(writer, frame(kind, b"x" * 125) * 100, 10_000_000)
            await answer(reader)
        return refused(served, "control_frames")

    assert 1.0 == _on(tmp_path, case, limits=LimitOptions())


def test_keep_alive_pings_are_answered(tmp_path: Path) -> None:
    """As many as between two messages of a platform."""

    async def case(served: Served) -> bytes:
        async with connected(served) as (reader, writer):
            writer.write(_native(served))
            await _accepted(reader)
            writer.write(frame(PING, b"here") * 20)
            return await reader.readexactly(20 * 6)

    assert bytes([0x80 | PONG, 4]) + b"here" == _on(tmp_path, case, limits=LimitOptions())[:6]


def test_message_of_empty_fragments_is_closed(tmp_path: Path) -> None:
    """A message that grows by frames without a byte ends with 1009."""

    async def case(served: Served) -> tuple[bytes, float]:
        async with connected(served) as (reader, writer):
            writer.write(_native(served))
            await _accepted(reader)
            writer.write(frame(BINARY, fin=False) + frame(CONTINUED, fin=False) * websocket.MAX_FRAGMENTS)
            return await answer(reader), refused(served, "fragments")

    assert (b"\x88\x02\x03\xf1", 1.0) == _on(tmp_path, case, limits=LimitOptions())


def test_text_that_is_not_utf8_closes_without_an_error_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Close code 1007, a count, and no traceback that a peer could fill the log with."""

    async def case(served: Served) -> tuple[bytes, float]:
        async with connected(served) as (reader, writer):
            writer.write(_native(served))
            await _accepted(reader)
            writer.write(frame(TEXT, b"\xff"))
            return await answer(reader), refused(served, "not_utf8")

    with caplog.at_level(logging.WARNING):
        closed, count = _on(tmp_path, case, limits=LimitOptions())

    assert (True, 1.0) == (b"\x88\x02\x03\xef" in closed, count)
    assert [] == [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("lines", [
    [f"X-{number}: a" for number in range(129)], ["X-Long: " + "a" * 9000], ["Sec-WebSocket-Key: twice"],
])
def test_bad_handshake_does_not_hang(tmp_path: Path, lines: list[str]) -> None:
    """Heads that HTTP takes and the websocket library refuses are closed."""

    async def case(served: Served) -> None:
        async with connected(served) as (reader, writer):
            writer.write(upgrade("/v1/live", *lines))
            await answer(reader)

    _on(tmp_path, case, limits=LimitOptions())


def test_stream_that_starts_no_call_is_closed_however_it_chatters(tmp_path: Path) -> None:
    """Bytes renew nothing: a stream without a call ends after `start_s`."""

    async def case(served: Served) -> bytes:
        async with connected(served) as (reader, writer):
            writer.write(_native(served))
            await _accepted(reader)
            closing = asyncio.create_task(answer(reader))
            while not closing.done():
                writer.write(frame(PING))
                await asyncio.sleep(0.02)
            return await closing

    assert b'"stalled"' in _on(tmp_path, case)


def test_stream_is_no_stranger(tmp_path: Path) -> None:
    """A started call takes no place of those who have proved nothing; its end gives the place back."""

    async def case(served: Served) -> list[tuple[int, int]]:
        seen, census = [], served.service.census
        async with served.stream() as socket:
            await socket.send(start())
            await socket.recv()
            seen.append((census.strangers, census.guests))
        await until(lambda: not census.guests)
        return seen

    assert [(0, 1)] == _on(tmp_path, case)


def test_refused_websocket_that_reads_nothing_is_aborted(tmp_path: Path) -> None:
    """Whoever has no key is closed, also without its half of the closing handshake."""

    async def case(served: Served) -> None:
        for _ in range(20):
            async with connected(served) as (reader, writer):
                small_buffers(writer)
                writer.write(upgrade("/v1/live"))
                await _accepted(reader)
                await until(lambda: not served.service.census.strangers)

    _on(tmp_path, case)
