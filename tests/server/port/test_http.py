"""Strangers attack the HTTP port over real sockets: each is cut, and nothing of it stays."""

from __future__ import annotations

import asyncio
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.server.endings import until
from tests.server.port.strangers import (
    BRISK,
    answer,
    connected,
    pour,
    refused,
    small_buffers,
    withstood,
)
from tests.server.serving import Served
from voiceguard.settings import LimitOptions

PATIENT = LimitOptions()
"""The limits that ship: a cut within a test is no matter of time."""


_on = partial(withstood, limits=PATIENT)


def test_headers_without_end_are_cut_and_fill_no_memory(tmp_path: Path) -> None:
    """Many short header lines: cut after the limit's bytes, whatever is sent, and the memory is free again."""

    async def case(served: Served) -> tuple[bool, bool]:
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        lines = b"".join(b"X-%06d: a\r\n" % number for number in range(5000))
        sent = 0
        for _ in range(3):
            async with connected(served) as (_, writer):
                writer.write(b"GET / HTTP/1.1\r\n")
                sent += await pour(writer, lines, 50_000_000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return sent < 50_000_000, peak - before < 20_000_000

    assert (True, True) == _on(tmp_path, case)


@pytest.mark.parametrize(("status", "head"), [
    (431, b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(200))),
    (431, b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 66_000),
    (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n"),
    (414, b"GET /" + b"a" * 9000),
    (400, b"\x16\x03\x01\x02\x00\x01\x00"),
    (400, b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
])
def test_head_beyond_limits_is_answered_and_closed(tmp_path: Path, status: int, head: bytes) -> None:
    """Too many header lines, too long a header, too long a request line, and what is no HTTP."""

    async def case(served: Served) -> bytes:
        async with connected(served) as (reader, writer):
            writer.write(head)
            return await answer(reader)

    assert _on(tmp_path, case).startswith(b"HTTP/1.1 %d " % status)


def test_head_at_limits_is_answered(tmp_path: Path) -> None:
    """A request line and headers as large as is allowed pass, in one piece and byte by byte."""

    async def case(served: Served) -> list[bytes]:
        answers = []
        long_line = b"GET /healthz?" + b"a" * 8000 + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        head = long_line + b"".join(b"X-%d: %s\r\n" % (number, b"a" * 500) for number in range(90)) + b"\r\n"
        for size in (len(head), 997):
            async with connected(served) as (reader, writer):
                for at in range(0, len(head), size):
                    writer.write(head[at : at + size])
                    await writer.drain()
                answers.append((await answer(reader))[:15])
        return answers

    assert [b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK"] == _on(tmp_path, case)


@pytest.mark.parametrize(("reason", "sent"), [
    ("silent", b""), ("late", b"GET / HTTP/1.1\r\nX-A: "),
    ("late", b"POST /v1/setup HTTP/1.1\r\nContent-Length: 6000\r\n"),
])
def test_half_sent_heads_are_cut(tmp_path: Path, reason: str, sent: bytes) -> None:
    """Forty sockets that begin and never end take no descriptor for long."""

    async def case(served: Served) -> float:
        ends = [await asyncio.open_connection("127.0.0.1", int(served.origin.rsplit(":", 1)[1])) for _ in range(40)]
        for _, writer in ends:
            writer.write(sent)
        for reader, writer in ends:
            await answer(reader)
            writer.transport.abort()
        return refused(served, reason)

    assert 40.0 == _on(tmp_path, case, limits=BRISK)


def test_slow_body_is_cut_where_anybody_may_ask(tmp_path: Path) -> None:
    """A body that never comes is answered 408, also after the first request of a connection."""

    async def case(served: Served) -> bytes:
        async with connected(served) as (reader, writer):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            writer.write(
                b"POST /v1/setup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 6000\r\n\r\n{"
            )
            return await answer(reader)

    assert b"HTTP/1.1 408 Request Timeout" in _on(tmp_path, case, limits=BRISK)


def test_answer_that_nobody_reads_is_cut(tmp_path: Path) -> None:
    """A peer that asks for much and reads nothing keeps neither its connection nor the answers."""

    async def case(served: Served) -> float:
        async with connected(served) as (_, writer):
            small_buffers(writer)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            census = served.service.census
            async with asyncio.timeout(20):
                while not refused(served, "unread"):
                    answering: Any = next(iter(census._strangers), None)
                    if answering is not None and not answering.pipeline:
                        writer.write(b"GET /console/desk.js HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    await asyncio.sleep(0.01)
        return refused(served, "unread")

    assert 1.0 == _on(tmp_path, case, limits=BRISK)


def test_many_pipelined_requests_are_cut(tmp_path: Path) -> None:
    """Requests that wait for the answers before them are few."""

    async def case(served: Served) -> float:
        async with connected(served) as (reader, writer):
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 4000)
            await answer(reader)
        return refused(served, "pipelined")

    assert 1.0 == _on(tmp_path, case)


def test_flood_of_silent_connections_leaves_room_for_others(tmp_path: Path) -> None:
    """Ten times as many as one address may hold: the rest are cut at once, and those who ask are answered."""

    async def case(served: Served) -> tuple[int, int, int]:
        limit, ends = served.service.census.limits.connections_per_address, []
        for _ in range(300):
            ends.append(await asyncio.open_connection("127.0.0.1", int(served.origin.rsplit(":", 1)[1])))
        await until(lambda: refused(served, "too_many_of_address") >= 300 - limit)
        held = served.service.census.strangers
        for _, writer in ends:
            writer.transport.abort()
        await until(lambda: not served.service.census.strangers)
        async with served.api() as api:
            status = (await api.get("/healthz")).status_code
        return held, limit, status

    held, limit, status = _on(tmp_path, case)

    assert (limit, 200) == (held, status)


@pytest.mark.parametrize("authorization", ["", "Authorization: Bearer vg_wrong\r\n"])
def test_key_is_looked_at_before_the_body(tmp_path: Path, authorization: str) -> None:
    """Without a key the answer is 401 while the body is still to come, and so it is for a broken body."""

    async def case(served: Served) -> list[bytes]:
        answers = []
        for path in ("/v1/grants/redeem", "/v1/calls/c/actions", "/v1/screen", "/v1/audiosocket/calls"):
            for body in (b"", b"{" * 5000):
                async with connected(served) as (reader, writer):
                    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n{authorization}\r\n"
                    writer.write(head.encode() + body)
                    answers.append((await reader.readuntil(b"\r\n"))[:12])
        return answers

    assert {b"HTTP/1.1 401"} == set(_on(tmp_path, case))
