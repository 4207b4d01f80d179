"""HTTP within limits: uvicorn's protocol over httptools, which has none for the head of a request nor for its time."""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from voiceguard.server.port.bounded import SLICE_BYTES, Bounded

MAX_PIPELINED = 16
"""Requests that wait for the answer to the one before."""


class _Refused(Exception):
    """A callback of the parser found too much."""


class BoundedHttp(Bounded, HttpToolsProtocol):
    """One connection: TLS where it is configured, head, body, answer, and again; each but the answer has its time."""

    tls: ClassVar[ssl.SSLContext | None] = None

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.is_waiting = True
        self._in_head = True
        self._head_bytes = 0
        self._refusal = 400
        self._early: list[bytes] | None = None if self.tls is None else []

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, or cut it."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=1, low=0)
        if not self.census.admit(self, transport.get_extra_info("peername")):
            transport.abort()
            return
        self._within(self.census.limits.head_s, self._late)
        if self.tls is not None:
            # Not by the listener: what has not shaken hands would not be counted there.
            task = self.loop.create_task(self._shake_hands(transport, self.tls))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give its place to another."""
        self._still()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, a slice at a time."""
        self._unset_keepalive_if_required()
        if self._early is not None:
            self._early.append(data)
            return
        if self._in_head and self._clock is None:
            self._within(self.census.limits.head_s, self._late)
        for at in range(0, len(data), SLICE_BYTES):
            if not self._feed(data[at : at + SLICE_BYTES]):
                return

    def on_url(self, url: bytes) -> None:
        """The request line, or a part of it."""
        if len(self.url) + len(url) > self.census.limits.request_line_bytes:
            self._refusal = 414
            raise _Refused
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header whole."""
        if len(self.headers) >= self.census.limits.head_lines:
            self._refusal = 431
            raise _Refused
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: the body's time begins."""
        self._in_head, self.is_waiting = False, False
        self._within(self.census.limits.body_s, self._late)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_time()
        self._in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is sent: until the next request this connection may give way to another."""
        super().on_response_complete()
        self.is_waiting = self._in_head and self._clock is None and not self.pipeline

    def handle_websocket_upgrade(self) -> None:
        """The websocket's protocol takes the connection over, and counts it."""
        self._still()
        super().handle_websocket_upgrade()

    def _feed(self, part: bytes) -> bool:
        """Whether more may be parsed."""
        limits = self.census.limits
        if self._in_head:
            self._head_bytes += len(part)
        try:
            self.parser.feed_data(part)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
                return False
        except httptools.HttpParserError:
            self._refuse(self._refusal)
            return False
        if self._in_head and self._head_bytes > limits.head_bytes:
            self._refuse(431)  # the request line has a limit of its own
        elif len(self.pipeline) > MAX_PIPELINED:
            self.census.note("pipelined")
            self.cut()
        return not self.transport.is_closing()

    def _late(self) -> None:
        if self._head_bytes or not self._in_head:
            self._refuse(408)
        else:
            self.census.note("silent")
            self.cut()

    def _refuse(self, status: int) -> None:
        """Answer and close; cut where an answer to an earlier request is under way."""
        self._in_time()
        self.census.note({400: "not_http", 408: "late"}.get(status, "head_too_large"))
        cycle = self.cycle
        answering = cycle is not None and not cycle.response_complete
        if answering and (cycle.response_started or self._in_head):
            self.cut()
            return
        if answering:
            cycle.disconnected = True
            cycle.message_event.set()
        text = HTTPStatus(status).phrase
        self.transport.write(
            f"HTTP/1.1 {status} {text}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n"
            f"Connection: close\r\n\r\n{text}".encode()
        )
        self.transport.close()

    async def _shake_hands(self, transport: asyncio.Transport, tls: ssl.SSLContext) -> None:
        limits = self.census.limits
        try:
            secured = await self.loop.start_tls(
                transport, self, tls, server_side=True,
                ssl_handshake_timeout=limits.head_s, ssl_shutdown_timeout=limits.unread_s,
            )
        except OSError:  # ssl.SSLError and TimeoutError are such; the transport is closed
            self.census.note("tls")
            self._still()
            self.connections.discard(self)
            return
        assert secured is not None
        HttpToolsProtocol.connection_made(self, secured)
        secured.set_write_buffer_limits(high=1, low=0)
        early, self._early = self._early or [], None
        for data in early:
            self.data_received(data)
