"""Calls and their records as they are read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.adapters.store.helpers import ENDED, NOTE, STARTED, STEP_UP, decide, on, one_call
from voiceguard.adapters.store import Store


def test_records_come_back_in_order(tmp_path: Path) -> None:
    """`events` gives every record as it was handed in."""
    async def use(store: Store) -> Any:
        await store.calls.append("call-1", [STARTED, NOTE])
        await store.calls.append("call-1", [])
        await store.calls.append("call-1", [ENDED])
        return await store.calls.events("call-1"), await store.calls.events("call-2")

    assert on(tmp_path / "v.db", use) == ([STARTED, NOTE, ENDED], [])


def test_call_tells_its_actions(tmp_path: Path) -> None:
    """A call's row has its start, its end and the latest decision on each action."""
    async def use(store: Store) -> Any:
        await one_call(store)
        return await store.calls.find("call-1"), await store.calls.find("call-2")

    known, unknown = on(tmp_path / "v.db", use)
    assert unknown is None
    assert known == {
        "call_id": "call-1", "tenant": "default", "customer_ref": "customer-1", "started_at": 100.0, "ended_at": 160.0,
        "end_reason": "stopped",
        "actions": [{
            "action_id": "a1", "at": 120.0, "action": "refund", "tier": "money", "decision": "allow",
            "state": "allowed", "rule": "code_right", "person": None,
        }],
    }


def test_calls_are_newest_first(tmp_path: Path) -> None:
    """The list has the latest starts, as many as asked for, each with its own actions."""
    async def use(store: Store) -> Any:
        for number in (1, 3, 2):
            await store.calls.append(f"call-{number}", [STARTED | {"at": float(number)}])
        await decide(store, STEP_UP, "call-2")
        return await store.calls.list(limit=2)

    found = on(tmp_path / "v.db", use)
    assert [(call["call_id"], len(call["actions"])) for call in found] == [("call-3", 0), ("call-2", 1)]


def test_call_id_used_again_goes_on_with_its_chain(tmp_path: Path) -> None:
    """The row shows the latest start; nothing of the first call is lost."""
    async def use(store: Store) -> Any:
        await store.calls.append("call-1", [STARTED, ENDED])
        await store.calls.append("call-1", [STARTED | {"at": 200.0, "customer_ref": None}])
        return await store.calls.find("call-1"), await store.calls.events("call-1")

    call, events = on(tmp_path / "v.db", use)
    assert (call["started_at"], call["ended_at"], call["customer_ref"]) == (200.0, None, None)
    assert [event["kind"] for event in events] == ["started", "ended", "started"]
