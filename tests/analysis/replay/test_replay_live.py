"""The live service over a real port, and a replay of the same audio: the same risk everywhere, the same decisions."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.calls import short_set
from tests.server.serving import Served, serving
from voiceguard.adapters.models.detectors import load_detectors
from voiceguard.adapters.policy_files import read_policy
from voiceguard.analysis.callsets.callset import LabelledCall, read_callset
from voiceguard.analysis.callsets.from_verdicts import reviewed
from voiceguard.analysis.replay.driver import replay
from voiceguard.settings import Settings
from voiceguard.simulator.protocols.native import NativeLine
from voiceguard.simulator.protocols.platform import FRAME_S, frames


async def _play(served: Served, call: LabelledCall) -> None:
    """Stream the call as fast as it goes, with its events at their places, and stay until the service is done."""
    line = NativeLine(call.call_id, call.customer_ref)
    events = sorted(call.events, key=lambda event: event.at_s)
    async with served.stream(ping_interval=None) as socket:
        for message in line.opening():
            await socket.send(message)
        for index, frame in enumerate(frames(call.read())):
            while events and events[0].at_s <= index * FRAME_S:
                await socket.send(line.intent(events.pop(0).action, {}))  # type: ignore[union-attr]
            await socket.send(line.audio(frame)[0])
        await socket.send(line.closing())
        async for _ in socket:
            pass


@pytest.mark.timeout(300)
def test_live_and_replay_are_one(tmp_path: Path) -> None:
    """Of a take-over with the shipped models and a second opinion; what the store recorded is the proof."""
    short_set(tmp_path, "06-takeover-synthetic", seconds=40.0)
    (call,) = read_callset(tmp_path)
    detectors, policy = load_detectors(Settings()), read_policy()

    async def live() -> list[dict[str, Any]]:
        patient: dict[str, Any] = {"score_deadline_s": 60.0, "decision_timeout_s": 60.0, "stall_s": 60.0}
        async with serving(tmp_path / "data", detectors=detectors, **patient) as served:
            await served.service.store.customers.upsert("customer-1")
            await _play(served, call)
            return await served.service.store.calls.events(call.call_id)

    verdict = {"verdict": "genuine", "author": "ann"}
    recorded = reviewed(call.call_id, verdict, asyncio.run(live()), policy)["recorded"]["runs"][0]
    (run,) = replay(call, [policy], settings=Settings(), detectors=detectors).runs
    replayed = run.model_dump(mode="json")

    assert len(replayed["line"]) > 20
    assert recorded["line"] == replayed["line"]
    assert recorded["notes"] == replayed["notes"]
    names = ("action", "tier", "decision", "state", "rule", "reasons", "risk")
    assert [[one[name] for name in names] for one in recorded["decided"]] == [
        [one[name] for name in names] for one in replayed["decided"]
    ] != []
