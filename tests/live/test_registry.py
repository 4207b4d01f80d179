"""The registry of live calls: one look-up for every question, and time-outs that one broken call cannot stop."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from tests.live.contexts import context
from tests.server.builders import STARTED, ScriptedCore, ScriptedWorkers
from voiceguard.errors import PeerError
from voiceguard.events import CallEnded, Outcome, TimePassed
from voiceguard.live.registry import CallOver, Registry, UnknownAction, UnknownCall
from voiceguard.privacy.consent import Standing
from voiceguard.settings import Settings


def _broken(_: Any) -> list[Outcome]:
    raise RuntimeError("no reason")


def test_one_call_whose_time_outs_raise_does_not_stop_the_others() -> None:
    """Every other call gets every tick, and the fault is logged with its call id."""
    bad, good = ScriptedCore({TimePassed: _broken}), ScriptedCore({})
    cores = {"bad": bad, "good": good}

    async def run() -> None:
        registry = Registry(context(new_call=lambda started, *_: cores[started.call_id]))
        for call_id in cores:
            await registry.open(replace(STARTED, call_id=call_id), lambda _: None)
        for _ in range(3):
            registry.tick()

    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())

    assert 3 == sum(isinstance(event, TimePassed) for event in good.seen)
    assert ["bad"] * 3 == [line["call_id"] for line in lines]


def test_a_call_is_live_over_or_unknown() -> None:
    """Whoever looks a call up gets the same answer to the same situation."""

    async def run() -> list[str]:
        recorded: dict[str, Any] = {}

        class Calls:
            async def append(self, call_id: str, _: Any) -> None:
                recorded[call_id] = {}

            async def find(self, call_id: str) -> Any:
                return recorded.get(call_id)

        class Consents:
            async def standing(self, *_: Any) -> Standing:
                return Standing()

        store = SimpleNamespace(calls=Calls(), consents=Consents(), workers=ScriptedWorkers())
        registry = Registry(context(store=store))
        call = await registry.open(STARTED, lambda _: None)
        found = ["live" if await registry.live("call-1") is call else "other"]
        await call.close(CallEnded("stopped"))
        for call_id in ("call-1", "call-2"):
            try:
                await registry.live(call_id)
            except (CallOver, UnknownCall) as error:
                found.append(type(error).__name__)
        with pytest.raises(UnknownAction):
            registry.holding("a1")
        return found

    assert ["live", "CallOver", "UnknownCall"] == asyncio.run(run())


def test_a_full_house_refuses_with_1013() -> None:
    """Past max_calls a new call is refused so that its platform tries again later."""

    async def run() -> tuple[str, int]:
        registry = Registry(context(settings=Settings(max_calls=1)))
        await registry.open(STARTED, lambda _: None)
        with pytest.raises(PeerError) as refused:
            await registry.open(replace(STARTED, call_id="call-2"), lambda _: None)
        return refused.value.code, refused.value.close_code

    assert ("too_many_calls", 1013) == asyncio.run(run())


def test_stream_that_comes_while_the_call_closes_gets_a_live_call() -> None:
    """The stream waits for the end and goes on with the call; it is never given one that hears nothing any more."""
    core = ScriptedCore({})

    async def run() -> bool:
        registry = Registry(context(new_call=lambda *_: core, settings=Settings(resume_s=600.0)))
        first = await registry.open(STARTED, lambda _: None)
        closing = asyncio.create_task(first.close(CallEnded("stopped")))
        await asyncio.sleep(0)
        second = await registry.open(STARTED, lambda _: None)
        await closing
        second.receive(TimePassed())
        return second is not first and registry.calls == {"call-1": second}

    assert asyncio.run(run())
    assert isinstance(core.seen[-1], TimePassed)
