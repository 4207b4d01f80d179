"""A live call against a scripted core: recorded before told, and every broken part ends in a person's hands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.server.builders import (
    CODE,
    LOW,
    STARTED,
    ScriptedCore,
    ScriptedDelivery,
    ScriptedKeys,
    ScriptedStore,
    decided,
)
from voiceguard.adapters.models.scheduler import Scheduler
from voiceguard.adapters.policy_files import read_policy
from voiceguard.events import (
    ActionRequested,
    CallEnded,
    CodeEntered,
    Decision,
    Reason,
    RiskChanged,
    ScoreMissing,
    ScoreReceived,
    ScoreRequested,
    TranscriptReceived,
    Window,
)
from voiceguard.live.call import LiveCall
from voiceguard.live.context import Service
from voiceguard.live.voices import VoiceDesk
from voiceguard.settings import LinkingOptions, Settings


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
                self.service = Service(
                    settings=Settings(), store=self.store, scheduler=scheduler,  # type: ignore[arg-type]
                    keys=ScriptedKeys(), deliver=self.delivery, new_call=lambda *_: self.core,  # type: ignore[arg-type]
                    models={"synthetic": "m@0"}, policy="p0", rules=read_policy(None), now=lambda: 100.0,
                    voices=VoiceDesk(None, LinkingOptions()),  # type: ignore[arg-type]
                )
                call = await LiveCall.open(self.service, STARTED, lambda message: self.log.append(("told", message)))
                await scenario(call)
                await call.close(CallEnded("stopped"))

        asyncio.run(main())

    def told(self, kind: str) -> list[dict[str, Any]]:
        """Messages of one type that the stream was told."""
        return [message for what, message in self.log if what == "told" and message["type"] == kind]


async def _ask(call: LiveCall) -> dict[str, Any]:
    decision = call.next_decision("a1")
    await call.request("a1", "refund", {})
    return await decision


def test_recorded_before_told() -> None:
    """An allowance reaches the store before the stream and the asker hear of it, and carries the signed grant."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.ALLOW)]}))
    answers = []

    async def scenario(call: LiveCall) -> None:
        answers.append(await _ask(call))

    bench.run(scenario)

    order = [
        what for what, value in bench.log if what == "recorded" or (what == "told" and value["type"] == "decision")
    ]
    assert order == ["recorded", "told"]
    assert [(answer["decision"], answer["grant"]) for answer in answers] == [("allow", "signed:jti-1")]


def test_grant_not_on_page() -> None:
    """The agents' page never gets a grant."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.ALLOW)]}))

    async def scenario(call: LiveCall) -> None:
        await _ask(call)

    bench.run(scenario)

    (event,) = bench.service.hub.calls["call-1"].events
    assert event["decision"] == "allow"
    assert "grant" not in event


def test_unrecorded_is_handed_over() -> None:
    """A store that refuses turns an allowance into a handover without a grant, for good."""
    bench = Bench(core=ScriptedCore({
        ActionRequested: lambda _: [decided(Decision.ALLOW)], CodeEntered: lambda _: [decided(Decision.ALLOW)],
    }))

    async def scenario(call: LiveCall) -> None:
        bench.store.broken = True
        first = await _ask(call)
        bench.store.broken = False
        later = call.next_decision("a1")
        call.receive(CodeEntered("a1", "000000"))
        for answer in (first, await later):
            assert (answer["decision"], answer["state"], "grant" in answer) == ("handover", "handed_over", False)

    bench.run(scenario)

    assert [entry for entry in bench.log if entry[0] == "recorded"] == [("recorded", Decision.HANDOVER)]


def test_unrecorded_denial_stays() -> None:
    """A denial is not weakened by a store that refuses it."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.DENY)]}))
    answers = []

    async def scenario(call: LiveCall) -> None:
        bench.store.broken = True
        answers.append(await _ask(call))

    bench.run(scenario)

    assert [answer["decision"] for answer in answers] == ["deny"]


def test_code_delivered_after_record() -> None:
    """A code leaves only once its challenge is recorded, and shows in nothing that is recorded or told."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.STEP_UP), CODE]}))

    async def scenario(call: LiveCall) -> None:
        await _ask(call)

    bench.run(scenario)

    order = [what for what, _ in bench.log if what in ("recorded", "delivered")]
    assert order == ["recorded", "delivered"]
    assert CODE.code not in str([entry for entry in bench.log if entry[0] != "delivered"])
    assert len(bench.told("challenge")) == 1


def test_code_of_unrecorded_challenge_stays() -> None:
    """No code leaves for a challenge that the store did not take."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.STEP_UP), CODE]}))

    async def scenario(call: LiveCall) -> None:
        bench.store.broken = True
        assert (await _ask(call))["decision"] == "handover"

    bench.run(scenario)

    assert [entry for entry in bench.log if entry[0] == "delivered"] == []


def test_undelivered_code_hands_over() -> None:
    """When the code cannot be delivered a person decides, and it is said why."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.STEP_UP), CODE]}))

    async def scenario(call: LiveCall) -> None:
        bench.delivery.broken = True
        await _ask(call)

    bench.run(scenario)

    last = bench.told("decision")[-1]
    assert (last["decision"], [reason["code"] for reason in last["reasons"]]) == ("handover", ["code_not_delivered"])


def test_overruled_before_decided() -> None:
    """An action whose decision is late is handed over, and a late allowance does not undo that."""
    bench = Bench()

    async def scenario(call: LiveCall) -> None:
        await call.request("a1", "refund", {"amount": "5"})
        assert (await call.overrule("a1", Reason("decision_late", "Late.")))["decision"] == "handover"
        bench.core.script[TranscriptReceived] = lambda _: [decided(Decision.ALLOW)]
        later = call.next_decision("a1")
        call.receive(TranscriptReceived("caller", "hello"))
        assert (await later)["decision"] == "handover"

    bench.run(scenario)

    assert [message for message in bench.told("decision") if "grant" in message] == []


def test_customer_unknown_when_store_down() -> None:
    """A store that cannot be asked means that nobody is known."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.DENY)]}))

    async def scenario(call: LiveCall) -> None:
        bench.store.broken = True
        await _ask(call)

    bench.run(scenario)

    assert [event.customer for event in bench.core.seen if isinstance(event, ActionRequested)] == [None]


def _window(number: int) -> ScoreRequested:
    return ScoreRequested(number, Window("synthetic_voice", np.zeros(16000, np.float32), 2.0, 2.0))


def test_scores_fed_back() -> None:
    """Every window is answered once: a score from the model, or the reason why there is none."""
    bench = Bench(
        core=ScriptedCore({
            TranscriptReceived: lambda _: [
                _window(1), ScoreRequested(2, Window("speaker_embedding", np.zeros(16000, np.float32), 2.0, 2.0)),
            ],
        }),
        scorers={"synthetic_voice": lambda windows: np.full((len(windows), 1), 0.5, np.float32)},
    )

    async def scenario(call: LiveCall) -> None:
        call.receive(TranscriptReceived("caller", "hello"))

    bench.run(scenario)

    answers = [event for event in bench.core.seen if isinstance(event, ScoreReceived | ScoreMissing)]
    assert {(1, "scored"), (2, "model_missing")} == {
        (answer.window_id, getattr(answer, "reason", "scored")) for answer in answers
    }
    assert isinstance(bench.core.seen[-1], CallEnded)


def test_risk_told_and_recorded() -> None:
    """A new risk goes to the stream with models and policy named, and into the record."""
    bench = Bench(core=ScriptedCore({TranscriptReceived: lambda _: [RiskChanged(LOW)]}))

    async def scenario(call: LiveCall) -> None:
        call.receive(TranscriptReceived("caller", "hello"))

    bench.run(scenario)

    assert bench.told("risk") == [{
        "type": "risk", "call_id": "call-1", "at_s": 8.0, "net_speech_s": 5.0, "score": 4, "band": "low",
        "state": "ok", "evidence": [], "models": {"synthetic": "m@0"}, "policy": "p0",
    }]
    assert [kind for what, kinds in bench.log if what == "append" for kind in kinds] == ["started", "risk", "ended"]


def test_notes_survive_a_fault() -> None:
    """What a broken store refused is written when it works again, in the old order."""
    bench = Bench(core=ScriptedCore({TranscriptReceived: lambda _: [RiskChanged(LOW)],
                                     ActionRequested: lambda _: [decided(Decision.DENY)]}))

    async def scenario(call: LiveCall) -> None:
        bench.store.broken = True
        call.receive(TranscriptReceived("caller", "hello"))
        await _ask(call)
        bench.store.broken = False

    bench.run(scenario)

    kinds = [kind for what, kinds in bench.log if what == "append" for kind in kinds]
    assert kinds == ["started", "risk", "not_recorded", "ended"]


def test_ended_call_leaves_nothing() -> None:
    """After its end a call answers nobody, and its actions are gone."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.STEP_UP)]}))
    waiting: list[asyncio.Future[dict[str, Any]]] = []

    async def scenario(call: LiveCall) -> None:
        await _ask(call)
        waiting.append(call.next_decision("a1"))

    bench.run(scenario)

    assert (
        bench.service.calls, bench.service.actions, bench.service.hub.calls["call-1"].ended
    ) == ({}, {}, "stopped")
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
    assert "vanished" == bench.service.hub.calls["call-1"].ended
