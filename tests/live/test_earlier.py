"""What the records of a call say to a process that did not see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.adapters.store import Store
from voiceguard.live.earlier import earlier_of, end_lost


def _risk(*contributions: float) -> dict[str, Any]:
    return {"kind": "risk", "evidence": [{"contribution": value} for value in contributions]}


def _decision(rule: str, state: str) -> dict[str, Any]:
    return {"kind": "decision", "rule": rule, "state": state}


@pytest.mark.parametrize(
    ("records", "log_odds_delta", "wrong_codes"),
    [
        ([], 0.0, 0),
        ([_risk(1.0, 0.5), _risk(2.0, -0.25)], 1.75, 0),
        ([_decision("wrong_code", "challenged")] * 2, 0.0, 2),
        ([_decision("wrong_code", "challenged"), _decision("code_right", "allowed")], 0.0, 0),
        ([_decision("wrong_code", "challenged")] * 2 + [_decision("too_many_tries", "denied")], 0.0, 0),
    ],
)
def test_last_risk_and_wrong_codes_in_a_row(
    records: list[dict[str, Any]], log_odds_delta: float, wrong_codes: int
) -> None:
    """A right code and a lock-out both begin the count anew."""
    earlier = earlier_of(records)

    assert (log_odds_delta, wrong_codes) == (earlier.log_odds_delta, earlier.wrong_codes)


@given(st.lists(st.sampled_from(["wrong_code", "code_needed"]), max_size=20))
def test_wrong_codes_are_never_more_than_were_recorded(rules: list[str]) -> None:
    """Whatever was decided in between."""
    records = [_decision(rule, "challenged") for rule in rules]

    assert rules.count("wrong_code") == earlier_of(records).wrong_codes


def test_end_lost_twice_at_once_writes_one_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers find the same dead one: both read the records before either writes."""
    async def run() -> tuple[list[str], list[Any]]:
        url = f"sqlite+aiosqlite:///{tmp_path / 'v.db'}"
        async with Store.open(url) as one, Store.open(url) as two:
            await one.calls.append("call-1", [{"kind": "started", "at": 1.0, "call_id": "call-1"}])
            both = asyncio.Barrier(2)
            for store in (one, two):
                monkeypatch.setattr(store.calls, "events", _after(store.calls.events, both))
            await asyncio.gather(*(end_lost(store, "call-1", 2.0) for store in (one, two)))
            monkeypatch.undo()
            kinds = [record["kind"] for record in await one.calls.events("call-1")]
            return kinds, (await one.audit.verify(lambda *_: True, now=2.0)).faults

    assert (["started", "ended"], []) == asyncio.run(run())


def _after(read: Callable[[str], Awaitable[Any]], both: asyncio.Barrier) -> Callable[[str], Awaitable[Any]]:
    """The first reading is over when both have read."""
    is_first = True

    async def held(call_id: str) -> Any:
        nonlocal is_first
        found = await read(call_id)
        if is_first:
            is_first = False
            await both.wait()
        return found

    return held
