"""Decisions are recorded before they are told, and every broken part ends in a person's hands."""

from __future__ import annotations

from typing import Any

from tests.live.bench import Bench, ask
from tests.server.builders import (
    CODE,
    ScriptedCore,
    decided,
)
from voiceguard.events import (
    ActionRequested,
    CodeEntered,
    Decision,
    Reason,
    TranscriptReceived,
)
from voiceguard.live.call import LiveCall


def test_recorded_before_told() -> None:
    """An allowance reaches the store before the stream and the asker hear of it, and carries the signed grant."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.ALLOW)]}))
    answers = []

    async def scenario(call: LiveCall) -> None:
        answers.append(await ask(call))

    bench.run(scenario)

    order = [
        what for what, value in bench.log if what == "recorded" or (what == "told" and value["type"] == "decision")
    ]
    assert order == ["recorded", "told"]
    assert [(answer["decision"], answer["grant"]) for answer in answers] == [("allow", "signed:jti-1")]


def test_unrecorded_is_handed_over() -> None:
    """A store that refuses turns an allowance into a handover without a grant, for good."""
    bench = Bench(core=ScriptedCore({
        ActionRequested: lambda _: [decided(Decision.ALLOW)], CodeEntered: lambda _: [decided(Decision.ALLOW)],
    }))

    async def scenario(call: LiveCall) -> None:
        bench.store.broken = True
        first = await ask(call)
        bench.store.broken = False
        later = call.decisions.next("a1")
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
        answers.append(await ask(call))

    bench.run(scenario)

    assert [answer["decision"] for answer in answers] == ["deny"]


def test_code_delivered_after_record() -> None:
    """A code leaves only once its challenge is recorded, and shows in nothing that is recorded or told."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.STEP_UP), CODE]}))

    async def scenario(call: LiveCall) -> None:
        await ask(call)

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
        assert (await ask(call))["decision"] == "handover"

    bench.run(scenario)

    assert [entry for entry in bench.log if entry[0] == "delivered"] == []


def test_undelivered_code_hands_over() -> None:
    """When the code cannot be delivered a person decides, and it is said why."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.STEP_UP), CODE]}))

    async def scenario(call: LiveCall) -> None:
        bench.delivery.broken = True
        await ask(call)

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
        later = call.decisions.next("a1")
        call.receive(TranscriptReceived("caller", "hello"))
        assert (await later)["decision"] == "handover"

    bench.run(scenario)

    assert [message for message in bench.told("decision") if "grant" in message] == []


def test_fault_in_one_decision_does_not_end_the_worker() -> None:
    """What raises is handed over for good; decisions that come later are told."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda asked: [
        decided(Decision.STEP_UP, action_id=asked.action_id)
    ]}))
    record = bench.store.record

    async def once(*given: Any, **known: Any) -> None:
        bench.store.record = record  # type: ignore[method-assign]
        raise RuntimeError("unforeseen")

    bench.store.record = once  # type: ignore[assignment]

    async def scenario(call: LiveCall) -> None:
        await call.request("a1", "refund", {})
        await call.request("a2", "refund", {})
        await call.idle()
        assert {"a1": "fault"} == {name: reason.code for name, reason in call.decisions.overruled.items()}
        assert ["a2"] == list(call.decisions.decided)

    bench.run(scenario)
