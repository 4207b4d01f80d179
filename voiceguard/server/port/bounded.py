"""What both protocols bound: the seconds for what is to come, and for what lies unread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from voiceguard.server.port.census import Census

LEAST_BYTES_S = 1000.0
"""A reader slower than that is no reader."""
SLICE_BYTES = 4096
"""Bytes that are parsed between two looks at the limits."""


class Bounded:
    """Beside one of uvicorn's protocols: two clocks, and a place in the census."""

    census: ClassVar[Census]
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _clock: asyncio.TimerHandle | None = None
    _unread_clock: asyncio.TimerHandle | None = None
    _unread_bytes = 0

    def cut(self) -> None:
        """Close the connection now, whatever lies unsent."""
        self._still()
        self.transport.abort()

    def pause_writing(self) -> None:
        """Something lies unread: called by the transport, whose high water mark is one byte."""
        super().pause_writing()  # type: ignore[misc]
        self._watch()

    def resume_writing(self) -> None:
        """Everything was taken."""
        super().resume_writing()  # type: ignore[misc]
        if self._unread_clock is not None:
            self._unread_clock.cancel()
            self._unread_clock = None

    def _watch(self) -> None:
        self._unread_bytes = self.transport.get_write_buffer_size()
        self._unread_clock = self.loop.call_later(self.census.limits.unread_s, self._unread)

    def _unread(self) -> None:
        taken = self._unread_bytes - self.transport.get_write_buffer_size()
        if taken >= LEAST_BYTES_S * self.census.limits.unread_s:
            self._watch()
            return
        self.census.note("unread")
        self.cut()

    def _within(self, seconds: float, late: Callable[[], None]) -> None:
        self._in_time()
        self._clock = self.loop.call_later(seconds, late)

    def _in_time(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _still(self) -> None:
        """Let no clock strike any more."""
        self._in_time()
        if self._unread_clock is not None:
            self._unread_clock.cancel()
            self._unread_clock = None
        self.census.leave(self)  # type: ignore[arg-type]
