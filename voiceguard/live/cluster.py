"""What the workers of one installation tell each other: their calls as people see them, who is at the desk, and that
lists of voices have changed.

The feed between workers is the live feed itself: each worker follows its own calls and publishes what it reads; the
others keep a mirror of these views. A worker that starts, or missed something, asks for everything anew.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from voiceguard.adapters.logs import described
from voiceguard.adapters.store import StoreError
from voiceguard.live.context import LiveContext

FEED, PEOPLE, HELLO, LOST, VOICES = "feed", "people", "hello", "lost", "voices"
"""Topics: news of a call; who is at the desk; send me everything; a worker is dead; voice lists have changed."""
PAUSE_S = 0.05
"""Least time between two notices of one call."""
ELSEWHERE_S = 5.0
"""Time for which another worker's word of itself holds."""
PEOPLE_S = 1.0
"""Period in which a worker names the people at its desk."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Seen:
    """What another worker last said of itself."""

    at: float
    """The loop's time."""
    machine: str
    people: frozenset[str]
    """Who is at its desk."""


class Cluster:
    """This worker's part; `run` publishes until it is cancelled."""

    def __init__(self, context: LiveContext) -> None:
        self._context = context
        self._hub, self._bus = context.hub, context.bus
        self._own = self._hub.join(is_own=True)
        self._refreshing: asyncio.Task[None] | None = None
        self._bus.on_notice(FEED, self._mirror)
        self._bus.on_notice(PEOPLE, self.hear)
        self._others: dict[str, Seen] = {}
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
        here = platform.node()
        return [worker for worker, seen in self._lately().items() if seen.machine == here]

    def people(self) -> set[str]:
        """Who follows the calls now, at any worker."""
        return self._hub.people().union(*(seen.people for seen in self._lately().values()))

    def hear(self, worker: str, said: Mapping[str, Any]) -> None:
        """Another worker names its machine and the people at its desk."""
        now = asyncio.get_running_loop().time()
        self._others[worker] = Seen(now, said["machine"], frozenset(said["people"]))

    def lose_worker(self, worker: str) -> None:
        """Tell everybody that this worker is dead and its calls are lost."""
        self._hub.lose_worker(worker)
        self._bus.publish(LOST, {"worker": worker})

    def _lately(self) -> Mapping[str, Seen]:
        """The other workers whose last word still holds; older words are forgotten."""
        now = asyncio.get_running_loop().time()
        self._others = {worker: seen for worker, seen in self._others.items() if now - seen.at < ELSEWHERE_S}
        return self._others

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
            people = sorted(self._hub.people())
            self._bus.publish(PEOPLE, {"machine": platform.node(), "people": people})
            await asyncio.sleep(PEOPLE_S)
