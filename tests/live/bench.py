"""One live call against a scripted core, and everything that was done for it, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.live.contexts import context
from tests.server.builders import (
    STARTED,
    ScriptedCore,
    ScriptedDelivery,
    ScriptedStore,
)
from voiceguard.adapters.models.scheduler import Scheduler
from voiceguard.events import (
    CallEnded,
)
from voiceguard.live.call import LiveCall
from voiceguard.live.registry import Registry
from voiceguard.settings import Settings


@dataclass
class Bench:
    """One live call and everything that was done for it, in order."""

    log: list[tuple[str, Any]] = field(default_factory=list)
    core: ScriptedCore = field(default_factory=lambda: ScriptedCore({}))
    scorers: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = ScriptedStore(self.log)
        self.delivery = ScriptedDelivery(self.log)

    def run(self, scenario: Callable[[LiveCall], Awaitable[None]]) -> None:
        """Open a call, run the scenario, end the call."""

        async def main() -> None:
            async with Scheduler(self.scorers) as scheduler:
                self.context = context(
                    store=self.store, scheduler=scheduler, deliver=self.delivery.deliver,
                    new_call=lambda *_: self.core, settings=Settings(),
                )
                self.registry = Registry(self.context)
                call = await self.registry.open(STARTED, lambda message: self.log.append(("told", message)))
                await scenario(call)
                await call.close(CallEnded("stopped"))

        asyncio.run(main())

    def told(self, kind: str) -> list[dict[str, Any]]:
        """Messages of one type that the stream was told."""
        return [message for what, message in self.log if what == "told" and message["type"] == kind]


async def ask(call: LiveCall) -> dict[str, Any]:
    decision = call.decisions.next("a1")
    await call.request("a1", "refund", {})
    return await decision
