"""What the workers of one installation tell each other: their calls as people see them, who is at the desk, and that
lists of voices have changed.

The feed between workers is the live feed itself: each worker follows its own calls and publishes what it reads; the
others keep a mirror of these views. A worker that starts, or missed something, asks for everything anew.
"""

from __future__ import annotations

import asyncio
import platform
from typing import Any

import structlog

from voiceguard.adapters.logs import described
from voiceguard.adapters.store import StoreError
from voiceguard.live.context import LiveContext
from voiceguard.live.feed import ELSEWHERE_S

FEED, PEOPLE, HELLO, LOST, VOICES = "feed", "people", "hello", "lost", "voices"
"""Topics: news of a call; who is at the desk; send me everything; a worker is dead; voice lists have changed."""
PAUSE_S = 0.05
"""Least time between two notices of one call."""
PEOPLE_S = 1.0
"""Period in which a worker names the people at its desk."""

log = structlog.get_logger()


class Cluster:
    """This worker's part; `run` publishes until it is cancelled."""

    def __init__(self, context: LiveContext) -> None:
        self._context = context
        self._hub, self._bus = context.hub, context.bus
        self._own = self._hub.join(is_own=True)
        self._refreshing: asyncio.Task[None] | None = None
        self._bus.on_notice(FEED, self._mirror)
        self._bus.on_notice(PEOPLE, self._seen)
        self._seen_at: dict[str, tuple[float, str]] = {}
        """Other worker to the loop's time of its last word, and its machine."""
        self._bus.on_notice(HELLO, lambda _, __: self._hub.restart(self._own))
        self._bus.on_notice(LOST, lambda _, body: self._hub.lose_worker(body["worker"]))
        self._bus.on_notice(VOICES, lambda _, __: self._refresh_voices())
        self._bus.on_up(self._start_anew)

    async def run(self) -> None:
        """Publish the news of this worker's calls and people."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publish_calls())
            tasks.create_task(self._publish_people())

    def neighbours(self) -> list[str]:
        """The other workers on this machine, by what they said lately."""
        now, here = asyncio.get_running_loop().time(), platform.node()
        return [
            worker for worker, (at, machine) in self._seen_at.items() if now - at < ELSEWHERE_S and machine == here
        ]

    def lose_worker(self, worker: str) -> None:
        """Tell everybody that this worker is dead and its calls are lost."""
        self._hub.lose_worker(worker)
        self._bus.publish(LOST, {"worker": worker})

    def _seen(self, worker: str, body: Any) -> None:
        self._seen_at[worker] = asyncio.get_running_loop().time(), body["machine"]
        self._hub.seen_elsewhere(worker, body["people"])

    def _start_anew(self) -> None:
        """Notices may have been missed in both directions."""
        self._hub.restart(self._own)
        self._bus.publish(HELLO, None)

    def _mirror(self, worker: str, message: Any) -> None:
        if not self._hub.mirror(worker, message):
            self._bus.publish(HELLO, None)  # a notice before it was missed

    def _refresh_voices(self) -> None:
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())

    async def _refresh(self) -> None:
        try:
            await self._context.voices.refresh(self._context.now())
        except StoreError as error:
            log.warning("lists of voices cannot be read", **described(error))

    async def _publish_calls(self) -> None:
        while True:
            await self._own.wake.wait()
            for message in self._own.take(self._hub.calls):
                self._bus.publish(FEED, message)
            await asyncio.sleep(PAUSE_S)

    async def _publish_people(self) -> None:
        while True:
            people = sorted(self._hub.people(here=True))
            self._bus.publish(PEOPLE, {"machine": platform.node(), "people": people})
            await asyncio.sleep(PEOPLE_S)
