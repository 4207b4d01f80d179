"""Handovers: what is kept of one, when it is an orphan, and that an orphan allows nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.builders import decided
from tests.server.desk import browser, session_token
from tests.server.serving import Served, Voice, said, serving
from voiceguard.events import ActionState, HandoverAnswered
from voiceguard.live.handovers import Handovers
from voiceguard.policy.states import DECISION_OF

START = 1_800_000_000.0


@dataclass
class Desk:
    """Handovers, and what was recorded of them."""

    records: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.handovers = Handovers(lambda kind, facts: self.records.append((kind, facts)), orphan_s=60.0)

    def tell(self, state: ActionState, now: float, person: str | None = None, rule: str = "high_risk") -> None:
        decision = DECISION_OF[state]
        self.handovers.decided(decided(decision, state=state, person=person, rule=rule), now)

    @property
    def one(self) -> Any:
        (handover,) = self.handovers.by_action.values()
        return handover


def test_from_whom_to_whom_and_when() -> None:
    """Offered by a rule, taken by one, approved by two: each with its time, and all on record."""
    desk = Desk()
    desk.tell(ActionState.HANDED_OVER, 0.0)
    desk.tell(ActionState.HANDED_OVER, 10.0, "ann", "accepted")
    desk.tell(ActionState.HANDED_OVER, 20.0, "ann", "approved_by_one")
    desk.tell(ActionState.ALLOWED, 30.0, "sue", "approved_by_two")

    assert ("high_risk", 0.0, {"ann": 10.0, "sue": 30.0}, ["ann", "sue"], "approved") == (
        desk.one.source, desk.one.offered_at, desk.one.taken_by, desk.one.approved_by, desk.one.outcome
    )
    assert ["handover_offered", "handover_ended"] == [kind for kind, _ in desk.records]


def test_nobody_takes_it() -> None:
    """After its time it is an orphan, which alarms once; whoever takes it ends that."""
    desk = Desk()
    desk.tell(ActionState.HANDED_OVER, 0.0)

    assert [[], [desk.one], []] == [desk.handovers.watch(now, ()) for now in (59.0, 60.0, 61.0)]
    assert desk.handovers.is_orphan(desk.one.action_id, 61.0)
    desk.tell(ActionState.HANDED_OVER, 62.0, "ann", "accepted")
    assert (None, False) == (desk.one.orphaned_at, desk.handovers.is_orphan(desk.one.action_id, 63.0))
    assert ["handover_offered", "handover_orphaned"] == [kind for kind, _ in desk.records]


@pytest.mark.parametrize(("is_person", "orphan"), [(True, True), (False, False)])
def test_whoever_took_it_has_left(is_person: bool, orphan: bool) -> None:
    """A person whom the desk does not see any more makes it an orphan again; of a machine that cannot be said."""
    desk = Desk()
    desk.tell(ActionState.HANDED_OVER, 0.0)
    answer = HandoverAnswered(desk.one.action_id, "ann", "agent", "accept", "here")
    desk.handovers.answer(answer, 0.0, is_person=is_person)
    desk.tell(ActionState.HANDED_OVER, 1.0, "ann", "accepted")

    assert [] == desk.handovers.watch(50.0, {"ann"})
    assert [] == desk.handovers.watch(100.0, ())
    assert orphan == bool(desk.handovers.watch(110.0, ()))


def test_the_call_ends_first() -> None:
    """What is open then is abandoned, and nothing can be an orphan any more."""
    desk = Desk()
    desk.tell(ActionState.HANDED_OVER, 0.0)
    desk.handovers.abandon()

    assert "abandoned" == desk.one.outcome
    assert [] == desk.handovers.watch(1000.0, ())


@given(st.lists(st.tuples(st.floats(0, 500), st.sampled_from(["look", "accept", "nobody"])), max_size=20))
def test_an_orphan_is_one_until_somebody_takes_it(steps: list[tuple[float, str]]) -> None:
    """However time passes and whoever looks: only taking it ends it."""
    desk = Desk()
    desk.tell(ActionState.HANDED_OVER, 0.0)
    orphan, now = False, 0.0
    for wait, step in steps:
        now += wait
        if step == "accept":
            desk.tell(ActionState.HANDED_OVER, now, "ann", "accepted")
        else:
            desk.handovers.watch(now, {"ann"} if step == "look" else ())
        before, orphan = orphan, desk.handovers.is_orphan(desk.one.action_id, now)
        assert orphan or not before or step == "accept"


# ── on a running service ─────────────────────────────────────────────────────────────────────────────────────────────


class Clock:
    """The wall clock, as the test sets it."""

    now = START

    def __call__(self) -> float:
        return self.now


def test_an_orphan_allows_nothing_until_it_is_taken(tmp_path: Path) -> None:
    """Over HTTP, by people: an approval of an orphan is refused and nothing moves; taken first, it counts."""
    clock = Clock()

    async def answer(served: Served, who: str, action_id: str, verdict: str) -> Any:
        async with browser(served, await session_token(served, who)) as page:
            return await page.post(
                f"/v1/actions/{action_id}/handover", json={"verdict": verdict, "reason": "known to me"}
            )

    async def use(served: Served) -> Any:
        async with served.call() as socket, served.api() as api:
            asked = (await api.post("/v1/calls/call-1/actions", json={"action": "account_recovery"})).json()
            action_id = asked["action_id"]
            clock.now += 61.0
            served.service.registry.calls["call-1"].tick(())
            shown = served.service.live.hub.calls["call-1"].handovers[0]["orphaned_at"]
            refused = await answer(served, "ann", action_id, "approve")
            state = served.service.registry.calls["call-1"].decisions.decided[action_id].state
            taken = await answer(served, "ann", action_id, "accept")
            allowed = await answer(served, "ann", action_id, "approve")
            await said(socket, "decision", decision="allow")
        kinds = [record["kind"] for record in await served.service.store.calls.events("call-1")]
        return shown, refused, state, taken, allowed, kinds

    async def run() -> Any:
        async with serving(tmp_path, voice=Voice(3.0), now=clock) as served:
            return await use(served)

    shown, refused, state, taken, allowed, kinds = asyncio.run(run())
    assert START + 61.0 == shown
    assert (409, "orphaned", "handed_over") == (refused.status_code, refused.json()["code"], state)
    assert ["handover", "allow"] == [taken.json()["decision"], allowed.json()["decision"]]
    assert [kind for kind in kinds if kind.startswith("handover")] == [
        "handover_offered", "handover_orphaned", "handover_answered", "handover_answered", "handover_answered",
        "handover_ended",
    ]
