"""Decisions are recorded before they are told, and every broken part ends in a person's hands."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.live.bench import Bench, ask
from tests.server.builders import (
    CODE,
    ScriptedCore,
    decided,
)
from voiceguard.adapters.store import TooManyCodes
from voiceguard.errors import VoiceguardError
from voiceguard.events import (
    ActionOverruled,
    ActionRequested,
    CodeEntered,
    CodeToDeliver,
    Decision,
    Reason,
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
    """A store that refuses turns an allowance into a handover without a grant; what was told is recorded later."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.ALLOW)]}))

    async def scenario(call: LiveCall) -> None:
        bench.store.broken = True
        answer = await ask(call)
        assert (answer["decision"], answer["state"], "grant" in answer) == ("handover", "handed_over", False)
        await call.idle()
        bench.store.broken = False

    bench.run(scenario)

    assert [entry for entry in bench.log if entry[0] == "recorded"] == [("recorded", Decision.HANDOVER)]


def test_decisions_that_were_not_recorded_keep_their_order() -> None:
    """A wrong code is on record before the handover that followed it, and nothing overtakes either."""
    bench = Bench(core=ScriptedCore({
        ActionRequested: lambda _: [decided(Decision.STEP_UP, rule="wrong_code")],
        CodeEntered: lambda _: [decided(Decision.DENY)],
    }))

    async def scenario(call: LiveCall) -> None:
        bench.store.broken = True
        await ask(call)
        await call.idle()
        bench.store.broken = False
        call.receive(CodeEntered("a1", "000000"))
        await call.idle()

    bench.run(scenario)

    assert [Decision.STEP_UP, Decision.HANDOVER, Decision.DENY] == [
        value for what, value in bench.log if what == "recorded"
    ]


def test_what_the_record_denies_is_told_as_denied() -> None:
    """The customer's other calls count: the call learns of the denial, and it is told and recorded once."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.ALLOW)]}))
    record = bench.store.record

    async def denies(call_id: str, decision: Any, **known: Any) -> Any:
        return await record(call_id, decided(Decision.DENY, rule="customer_locked"), **known)

    bench.store.record = denies  # type: ignore[method-assign]

    async def scenario(call: LiveCall) -> None:
        answer = await ask(call)
        assert ("deny", "customer_locked", False) == (answer["decision"], answer["rule"], "grant" in answer)
        await call.idle()

    bench.run(scenario)

    overruled = [event for event in bench.core.seen if isinstance(event, ActionOverruled)]
    assert ([True], 1) == ([event.is_denied for event in overruled], len(bench.told("decision")))
    assert [Decision.DENY] == [value for what, value in bench.log if what == "recorded"]


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


def test_slow_delivery_holds_up_no_other_action() -> None:
    """Decisions on other actions are told while a code is on its way."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda asked: (
        [decided(Decision.STEP_UP), CODE] if asked.action_id == "a1" else [decided(Decision.ALLOW, action_id="a2")]
    )}))
    gate = asyncio.Event()

    async def slow(code: CodeToDeliver) -> None:
        await gate.wait()
        raise VoiceguardError("no answer")

    bench.delivery.deliver = slow  # type: ignore[method-assign]

    async def scenario(call: LiveCall) -> None:
        await ask(call)
        other = call.decisions.next("a2")
        await call.request("a2", "refund", {})
        assert "allow" == (await other)["decision"]
        gate.set()
        await call.idle()
        assert "handover" == call.decisions.told["a1"]["decision"]

    bench.run(scenario)


def test_code_beyond_the_hourly_limit_is_not_sent() -> None:
    """A person decides, and it is said why."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.STEP_UP), CODE]}))

    record = bench.store.record

    async def never(call_id: str, decision: Any, **known: Any) -> Any:
        if decision.decision is Decision.STEP_UP:
            raise TooManyCodes("too many")
        return await record(call_id, decision, **known)

    bench.store.record = never  # type: ignore[method-assign]

    async def scenario(call: LiveCall) -> None:
        await ask(call)
        await call.idle()

    bench.run(scenario)

    assert [["too_many_codes"]] == [
        [reason["code"] for reason in body["reasons"]] for body in bench.told("decision")
    ]
    assert not [entry for entry in bench.log if entry[0] == "delivered"]


def test_overruled_while_the_store_hangs_is_told_at_once() -> None:
    """The allowance that hangs is never told, and the record ends in the handover."""
    bench = Bench(core=ScriptedCore({ActionRequested: lambda _: [decided(Decision.ALLOW)]}))
    gate, record = asyncio.Event(), bench.store.record

    async def hangs(*given: Any, **known: Any) -> Any:
        await gate.wait()
        return await record(*given, **known)

    bench.store.record = hangs  # type: ignore[method-assign]

    async def scenario(call: LiveCall) -> None:
        await call.request("a1", "refund", {"amount": "5"})
        assert "handover" == call.overrule("a1", Reason("decision_late", "Late."))["decision"]
        gate.set()
        await call.idle()

    bench.run(scenario)

    assert ["handover"] == [body["decision"] for body in bench.told("decision")]
    assert [Decision.ALLOW, Decision.HANDOVER] == [value for what, value in bench.log if what == "recorded"]


def test_decision_that_nobody_waits_for_is_late_too() -> None:
    """What a stream asked for is overruled by the clock, as what the API asked for."""
    bench = Bench()

    async def scenario(call: LiveCall) -> None:
        await call.request("a1", "refund", {})
        object.__setattr__(bench.context, "now", lambda: 105.0)
        call.tick(())

    bench.run(scenario)

    assert [["decision_late"]] == [[reason["code"] for reason in body["reasons"]] for body in bench.told("decision")]


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
        assert {"a1": "fault", "a2": "because"} == {
            name: told["reasons"][0]["code"] for name, told in call.decisions.told.items()
        }

    bench.run(scenario)
