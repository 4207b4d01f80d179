"""Messages on their way to one reader."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

OUTBOX = 64
"""Messages waiting for a slow reader: past this, risk messages are dropped; past twice this, the stream is closed."""


class Outbox:
    """Messages on their way to one reader, who never makes a call wait."""

    def __init__(self) -> None:
        self.overflowed = False
        self._messages: deque[Mapping[str, Any]] = deque()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()

    def put(self, message: Mapping[str, Any]) -> None:
        """Queue a message. A full box gives up its oldest risk message, and never a decision."""
        if len(self._messages) >= OUTBOX:
            stale = next((index for index, queued in enumerate(self._messages) if queued["type"] == "risk"), None)
            if stale is not None:
                del self._messages[stale]
        if len(self._messages) >= 2 * OUTBOX:
            self.overflowed = True
            return
        self._messages.append(message)
        self._empty.clear()
        self._wake.set()

    async def drain(self, send: Callable[[Mapping[str, Any]], Awaitable[None]]) -> None:
        """Send for ever, in order."""
        while True:
            while self._messages:
                await send(self._messages[0])
                self._messages.popleft()
            self._empty.set()
            self._wake.clear()
            await self._wake.wait()

    async def emptied(self) -> None:
        """Return when everything has been sent."""
        await self._empty.wait()
