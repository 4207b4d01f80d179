"""Records on the end of a chain: in order, after a start, from two writers at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.store.helpers import NOTE, STARTED, STEP_UP, accept, decide, on, rows, url
from voiceguard.adapters.store import Store, StoreError


def test_nothing_comes_before_the_start(tmp_path: Path) -> None:
    """A chain begins with its call's start, so that no decision hangs in the air."""
    async def use(store: Store) -> None:
        with pytest.raises(StoreError):
            await store.calls.append("call-1", [NOTE])
        with pytest.raises(StoreError):
            await decide(store, STEP_UP)

    on(tmp_path / "v.db", use)
    assert rows(tmp_path / "v.db", "SELECT * FROM audit_events") == []


def test_concurrent_writers_share_a_chain(tmp_path: Path) -> None:
    """Two processes that write to one call lose nothing and break no link."""
    async def run() -> Any:
        async with Store.open(url(tmp_path / "v.db")) as one, Store.open(url(tmp_path / "v.db")) as other:
            await one.calls.append("call-1", [STARTED])
            await asyncio.gather(*(
                store.calls.append("call-1", [NOTE | {"number": number}, NOTE | {"number": number}])
                for store in (one, other) for number in range(20)
            ))
            events = await one.calls.events("call-1")
            return [record["number"] for record in events[1:]], (await one.audit.verify(accept, now=0.0)).faults

    numbers, faults = asyncio.run(run())
    assert sorted(numbers) == sorted(4 * list(range(20)))
    assert numbers[::2] == numbers[1::2]
    assert faults == []


def test_record_without_canonical_form_is_a_store_error(tmp_path: Path) -> None:
    """What cannot be hashed the same by everybody is not recorded, and what came with it neither."""
    async def use(store: Store) -> Any:
        await store.calls.append("call-1", [STARTED])
        with pytest.raises(StoreError):
            await store.calls.append("call-1", [NOTE, NOTE | {"ms": float("nan")}])
        return await store.calls.events("call-1")

    assert on(tmp_path / "v.db", use) == [STARTED]
