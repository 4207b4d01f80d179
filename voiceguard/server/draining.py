"""SIGTERM with `drain_s`: no new calls, and the server stops when its calls have ended, or when the time is over."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from voiceguard.live.registry import Registry

LOOK_S = 0.25
"""Between two looks whether any call is left."""

log = structlog.get_logger()


@asynccontextmanager
async def draining(registry: Registry, drain_s: float) -> AsyncIterator[None]:
    """While this is open, SIGTERM is held back until the calls have ended; a second one stops at once."""
    if drain_s == 0.0 or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, stop = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
    drained: asyncio.Task[None] | None = None

    async def drain() -> None:
        log.info("draining: no new calls", count=len(registry.calls), seconds=drain_s)
        registry.is_draining = True
        try:
            async with asyncio.timeout(drain_s):
                while registry.calls:  # noqa: ASYNC110 calls end in many places
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            log.warning("calls are cut: the time to drain is over", count=len(registry.calls))
        go_on()

    def go_on() -> None:
        if callable(stop):
            stop(signal.SIGTERM, None)

    def begin() -> None:
        nonlocal drained
        if drained is None:
            drained = asyncio.create_task(drain(), name="draining")
        else:
            go_on()

    loop.add_signal_handler(signal.SIGTERM, begin)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, stop)
        if drained is not None:
            drained.cancel()
