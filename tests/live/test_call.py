"""A live call: what goes in, what people see of it, and its end."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.live.bench import Bench, ask
from tests.server.builders import (
    ScriptedCore,
    decided,
)
from voiceguard.events import (
    ActionRequested,
    CallEnded,
    Decision,
)
from voiceguard.live.call import LiveCall


def test_grant_not_on_page() -> None:
    """The agents' page never gets a grant."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.ALLOW)]}))

    async def scenario(call: LiveCall) -> None:
        await ask(call)

    bench.run(scenario)

    (event,) = bench.context.hub.calls["call-1"].events
    assert event["decision"] == "allow"
    assert "grant" not in event


def test_customer_unknown_when_store_down() -> None:
    """A store that cannot be asked means that nobody is known."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.DENY)]}))

    async def scenario(call: LiveCall) -> None:
        bench.store.broken = True
        await ask(call)

    bench.run(scenario)

    assert [event.customer for event in bench.core.seen if isinstance(event, ActionRequested)] == [None]


def test_ended_call_leaves_nothing() -> None:
    """After its end a call answers nobody, and its actions are gone."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.STEP_UP)]}))
    waiting: list[asyncio.Future[dict[str, Any]]] = []

    async def scenario(call: LiveCall) -> None:
        await ask(call)
        waiting.append(call.decisions.next("a1"))

    bench.run(scenario)

    assert ({}, "stopped") == (bench.registry.calls, bench.context.hub.calls["call-1"].ended)
    assert waiting[0].cancelled()


def test_closed_once_whoever_waits() -> None:
    """A closing whose waiter is cancelled goes on, and a second closer waits for the same end."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.DENY)]}))

    async def scenario(call: LiveCall) -> None:
        await call.request("a1", "refund", {})
        first = asyncio.create_task(call.close(CallEnded("vanished")))
        await asyncio.sleep(0)
        first.cancel()
        await call.close(CallEnded("shutdown"))

    bench.run(scenario)

    assert [("recorded", Decision.DENY)] == [entry for entry in bench.log if entry[0] == "recorded"]
    assert "vanished" == bench.context.hub.calls["call-1"].ended
