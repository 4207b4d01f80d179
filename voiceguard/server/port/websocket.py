"""Websockets within limits: uvicorn's protocol over the websockets library, which bounds a message's bytes alone."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from voiceguard.server.port.bounded import SLICE_BYTES, Bounded

CLOSE_S = 2.0
"""Time for the peer's half of the closing handshake."""
MAX_FRAGMENTS = 1024
"""Of one message: empty ones would grow it without a byte."""
MAX_CONTROL = 200
"""Pings and pongs between two messages; a keep-alive sends one in 20 s or so."""
MAX_UNREAD_BYTES = 65536
"""Of pongs that nobody reads."""


class BoundedWebSocket(Bounded, WebSocketsSansIOProtocol):
    """One websocket, from its upgrade to its close."""

    is_waiting = False
    """It asked for something: the head has come."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.close_timeout = CLOSE_S
        self._control = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the place that its HTTP request had."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=1, low=0)
        self.census.admit(self, transport.get_extra_info("peername"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Give its place to another."""
        self._still()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, a slice at a time.

        Before the answer to its handshake a client may say nothing more (RFC 6455 section 4.1).
        """
        if self.handshake_initiated and not self.handshake_complete:
            self.census.note("not_websocket")
            self.cut()
            return
        for at in range(0, len(data), SLICE_BYTES):
            super().data_received(data[at : at + SLICE_BYTES])
            if self.transport.is_closing():
                return
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # The library refuses the head without a word, and uvicorn would wait for ever.
            self.census.note("not_websocket")
            self.cut()

    def handle_connect(self, event: Request) -> None:
        """Show the application which connection it is, so that it can let it in."""
        self.app_state = {**self.app_state, "connection": self}
        super().handle_connect(event)

    def handle_ping(self) -> None:
        """Answer it, while answers are read."""
        self._count_control()
        if self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.census.note("unread")
            self.cut()
        else:
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Take it, as uvicorn does."""
        self._count_control()
        super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        """One more fragment."""
        if self.close_sent:
            self.frames = []
        elif len(self.frames) >= MAX_FRAGMENTS:
            self.census.note("fragments")
            self._fail(1009)
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """A message is whole. Text that is not UTF-8 closes with 1007 (RFC 6455 section 8.1), and is no error of ours
        to log."""
        self._control = 0
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.census.note("not_utf8")
                self.frames = []
                self._fail(1007)
                return
        super().send_receive_event_to_app()

    def _count_control(self) -> None:
        self._control += 1
        if self._control > MAX_CONTROL and not self.transport.is_closing():
            self.census.note("control_frames")
            self.cut()

    def _fail(self, code: int) -> None:
        if not self.close_sent:
            self.conn.send_close(code)
            self.handle_parser_exception()
