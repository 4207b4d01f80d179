"""RFC 6455 on the real port, by a client that writes its frames byte by byte and so can break every rule.

The cases follow the groups of the Autobahn test suite (framing, pings, reserved bits and opcodes, fragmentation, UTF-8,
close handling, limits, handshake); a session of the native protocol stands where that suite has an echo.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from tests.server.serving import SPEECH, Served, serving, start

Case = TypeVar("Case")
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x0f\xf0\x55\xaa"
KEY = base64.b64encode(bytes(range(16))).decode()
ACCEPT = base64.b64encode(hashlib.sha1(KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
HEADERS = {
    "Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True,
          length: bytes | None = None) -> bytes:
    """One frame; `length`: in the place of the payload's own, as on the wire, without the mask's bit."""
    if length is None:
        size = len(payload)
        if size < 126:
            length = bytes([size])
        else:
            length = b"\x7e" + size.to_bytes(2, "big") if size < 65536 else b"\x7f" + size.to_bytes(8, "big")
    head = bytes([fin << 7 | rsv << 4 | opcode, masked << 7 | length[0]]) + length[1:]
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    """A close frame."""
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


class Wire:
    """A connection, and what comes back on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def handshake(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        """Status and headers of the answer."""
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.writer.write("\r\n".join(lines).encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), fields

    async def receive(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame: a server sends them whole, unmasked and without reserved bits."""
        first, second = await self.reader.readexactly(2)
        assert (1, 0, 0) == (first >> 7, first >> 4 & 7, second >> 7)
        size = second
        if size >= 126:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        return first & 15, await self.reader.readexactly(size)

    async def closes(self) -> tuple[int, list[tuple[int, bytes]]]:
        """Code of the server's close frame (0: none) and the frames before it; then the connection ends."""
        before = []
        while True:
            opcode, payload = await self.receive()
            if opcode == CLOSE:
                break
            before.append((opcode, payload))
        with suppress(ConnectionError):  # a server that closes with frames unread resets the connection
            self.writer.write(close(1000))
            assert b"" == await self.reader.read()
        return int.from_bytes(payload[:2], "big"), before

    async def message(self) -> Any:
        """The next message of the session."""
        opcode, payload = await self.receive()
        assert opcode == TEXT
        return json.loads(payload)


@asynccontextmanager
async def wire(served: Served) -> AsyncIterator[Wire]:
    """A connection to the service, closed in the end."""
    host, _, port = served.origin.partition("://")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(20):
            yield Wire(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def opened(served: Served) -> AsyncIterator[Wire]:
    """A websocket that is open and authenticated."""
    async with wire(served) as connection:
        status, fields = await connection.handshake(
            "/v1/stream/native", HEADERS | {"Authorization": f"Bearer {served.key}"}
        )
        assert (101, ACCEPT.lower()) == (status, fields["sec-websocket-accept"])
        yield connection


def each(folder: Path, cases: Mapping[str, Case], answer: Callable[[Served, Case], Awaitable[Any]]) -> dict[str, Any]:
    """What every case answers, or the error that it ended with; one service for all, one connection for each."""

    async def run() -> dict[str, Any]:
        async with serving(folder) as served:
            answers = {}
            for name, case in cases.items():
                try:
                    answers[name] = await answer(served, case)
                except (AssertionError, OSError, EOFError) as error:
                    answers[name] = repr(error)
            return answers

    return asyncio.run(run())


# ── what must be taken ───────────────────────────────────────────────────────────────────────────────────────────────


def fragments(payload: bytes, opcode: int, sizes: Sequence[int]) -> list[bytes]:
    """One message in fragments of these sizes, and the rest in a last one."""
    cuts = [0]
    for size in sizes:
        cuts.append(cuts[-1] + size)
    parts = [payload[begin:end] for begin, end in zip(cuts, [*cuts[1:], len(payload)], strict=True)]
    return [
        frame(opcode if at == 0 else CONTINUATION, part, fin=at == len(parts) - 1) for at, part in enumerate(parts)
    ]


START = start(metadata={"name": "Zoë 🜂 κόσμε"}).encode()


def test_fragmentation(tmp_path: Path) -> None:
    """However a message is cut, into fragments or into octets, it is one message; audio is too."""
    first, *rest = fragments(START, TEXT, [40])
    cut = {
        "whole": [frame(TEXT, START)], "fragments": fragments(START, TEXT, [1, 2, 0, 3]),
        "every octet a fragment": fragments(START, TEXT, [1] * (len(START) - 1)),
        "a pong between": [first, frame(PONG, b"x"), *rest],
    }
    cases = {name: [b"".join(frames)] for name, frames in cut.items()} | {
        f"{name}, by octet": [bytes([octet]) for data in frames for octet in data] for name, frames in cut.items()
    }

    async def session(served: Served, parts: list[bytes]) -> list[str]:
        async with opened(served) as connection:
            for part in parts:
                connection.writer.write(part)
                await connection.writer.drain()
            kinds = [(await connection.message())["type"]]
            for data in fragments(SPEECH[:160], BINARY, [0, 1, 100]):
                connection.writer.write(data)
            connection.writer.write(frame(TEXT, b'{"type":"stop"}'))
            while kinds[-1] != "stopped":
                kinds.append((await connection.message())["type"])
            return [kind for kind in kinds if kind != "risk"]

    assert dict.fromkeys(cases, ["started", "stopped"]) == each(tmp_path, cases, session)


def test_pings(tmp_path: Path) -> None:
    """Each ping is answered with its own payload, in order, also between the fragments of a message."""
    first, *rest = fragments(START, TEXT, [10, 10])
    cases = {"empty": b"", "text": b"hello", "longest": bytes(range(125)), "not text": b"\xff\xfe\x00"}

    async def pinged(served: Served, payload: bytes) -> tuple[bool, list[str]]:
        async with opened(served) as connection:
            connection.writer.write(first + frame(PING, payload) + rest[0])
            connection.writer.write(frame(PING, b"2") + frame(PONG, b"3") + rest[1] + frame(TEXT, b'{"type":"stop"}'))
            pongs = [await connection.receive(), await connection.receive()]
            kinds = [(await connection.message())["type"] for _ in ("started", "risk", "stopped")]
            return pongs == [(PONG, payload), (PONG, b"2")], kinds

    assert dict.fromkeys(cases, (True, ["started", "risk", "stopped"])) == each(tmp_path, cases, pinged)


def test_close_is_answered(tmp_path: Path) -> None:
    """A close frame is answered with its code, and what comes behind it is not read."""
    codes = (None, *range(1000, 1004), *range(1007, 1015), 3000, 4999)
    cases = {f"{code}": code for code in codes if code != 1004}

    async def answered(served: Served, code: int | None) -> tuple[int, bytes]:
        async with opened(served) as connection:
            data = close(code, b"" if code is None else "fin \u2713".encode())
            connection.writer.write(data + frame(TEXT, START) + frame(PING, b"late"))
            opcode, payload = await connection.receive()
            assert CLOSE == opcode
            return int.from_bytes(payload[:2], "big"), await connection.reader.read()

    assert {name: (code or 0, b"") for name, code in cases.items()} == each(tmp_path, cases, answered)


# ── what must be refused ─────────────────────────────────────────────────────────────────────────────────────────────

PROTOCOL_ERRORS = {
    **{f"reserved bits {rsv}": frame(TEXT, START, rsv=rsv) for rsv in range(1, 8)},
    **{f"opcode {opcode}": frame(opcode, b"x") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    **{f"close code {code}": close(code)
       for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)},
    "reserved bit of a ping": frame(PING, b"x", rsv=4),
    "reserved bit of a close": frame(CLOSE, b"\x03\xe8", rsv=1),
    "unmasked": frame(TEXT, START, masked=False),
    "unmasked ping": frame(PING, b"x", masked=False),
    "continuation of nothing": frame(CONTINUATION, b"x"),
    "open continuation of nothing": frame(CONTINUATION, b"x", fin=False),
    "continuation after a whole message": frame(PONG) + frame(CONTINUATION, b"x"),
    "text within text": frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"),
    "text within binary": frame(BINARY, b"x", fin=False) + frame(TEXT, b"}"),
    "long ping": frame(PING, b"x" * 126),
    "long close": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "fragmented ping": frame(PING, b"x", fin=False),
    "fragmented close": frame(CLOSE, b"\x03\xe8", fin=False),
    "half a close code": frame(CLOSE, b"\x03"),
}
NO_UTF8 = {
    "close reason": close(1000, b"\xce\xba\xed\xa0\x80"),
    "surrogate": frame(TEXT, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"),
    "beyond Unicode": frame(TEXT, b"\xf4\x90\x80\x80"),
    "overlong": frame(TEXT, b"\xc0\xaf"),
    "lonely continuation": frame(TEXT, b"\x80"),
    "cut off": frame(TEXT, b"\xf0\x9f", fin=False) + frame(CONTINUATION, b"\x9c"),
    "second fragment": frame(TEXT, b"ok", fin=False) + frame(CONTINUATION, b"\xff"),
}
TOO_LONG = {
    "a terabyte": frame(BINARY, length=b"\x7f" + (2**40).to_bytes(8, "big")),
    "over the limit": frame(BINARY, b"x" * 140_000),
    "in fragments": frame(BINARY, b"x" * 60_000, fin=False) + frame(CONTINUATION, b"x" * 60_000, fin=False)
                    + frame(CONTINUATION, b"x" * 60_000),
}


def test_refused(tmp_path: Path) -> None:
    """A connection fails with the code of RFC 6455 section 7.4.1, and no session begins on it."""
    cases = {
        **{name: (data, 1002) for name, data in PROTOCOL_ERRORS.items()},
        **{f"not UTF-8: {name}": (data, 1007) for name, data in NO_UTF8.items()},
        **{f"too long: {name}": (data, 1009) for name, data in TOO_LONG.items()},
    }

    async def refused(served: Served, case: tuple[bytes, int]) -> tuple[int, list[tuple[int, bytes]]]:
        async with opened(served) as connection:
            connection.writer.write(case[0])
            return await connection.closes()

    assert {name: (code, []) for name, (_, code) in cases.items()} == each(tmp_path, cases, refused)


def test_length_beyond_63_bits(tmp_path: Path) -> None:
    """A length whose first bit is set is none (section 5.2): whatever the code, the connection ends."""

    async def ends(served: Served, data: bytes) -> bool:
        async with opened(served) as connection:
            connection.writer.write(data)
            return (await connection.closes())[0] in (1002, 1009)

    assert {"": True} == each(tmp_path, {"": frame(BINARY, length=b"\x7f" + b"\xff" * 8)}, ends)


# ── the handshake ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_handshake(tmp_path: Path) -> None:
    """A request that is no websocket handshake gets an HTTP error (section 4.2)."""
    cases = {
        "no key": {"Sec-WebSocket-Key": ""}, "short key": {"Sec-WebSocket-Key": "short"},
        "old version": {"Sec-WebSocket-Version": "8"}, "no version": {"Sec-WebSocket-Version": ""},
    }

    async def shaken(served: Served, changes: dict[str, str]) -> bool:
        async with wire(served) as connection:
            headers = {name: value for name, value in (HEADERS | changes).items() if value}
            return (await connection.handshake("/v1/stream/native", headers))[0] in (400, 426)

    assert dict.fromkeys(cases, True) == each(tmp_path, cases, shaken)


def test_extensions_and_subprotocols(tmp_path: Path) -> None:
    """None is taken: audio does not compress, and no subprotocol of ours goes by that name."""

    async def taken(served: Served, headers: dict[str, str]) -> tuple[int, set[str]]:
        async with wire(served) as connection:
            status, fields = await connection.handshake("/v1/stream/native", HEADERS | headers)
            return status, {"sec-websocket-extensions", "sec-websocket-protocol"} & fields.keys()

    offer = {
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits", "Sec-WebSocket-Protocol": "chat",
    }
    assert {"": (101, set())} == each(tmp_path, {"": offer}, taken)
