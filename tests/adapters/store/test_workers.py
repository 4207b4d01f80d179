"""Beats, claims and leases of workers, on SQLite; tests/adapters/test_postgres.py tries them on PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.adapters.store.helpers import on, one_call
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.workers import SILENT_S


def test_claim_of_a_free_call_is_given_and_given_again_to_the_same_worker(tmp_path: Path) -> None:
    async def use(store: Store) -> list[Any]:
        await store.workers.beat("w1", 0.0)
        return [await store.workers.claim("c", "w1", 0.0), await store.workers.claim("c", "w1", 1.0),
                await store.workers.owner("c")]

    assert [None, None, "w1"] == on(tmp_path / "db", use)


def test_claim_of_a_living_workers_call_names_that_worker_until_it_releases(tmp_path: Path) -> None:
    async def use(store: Store) -> list[Any]:
        await store.workers.beat("w1", 0.0)
        await store.workers.claim("c", "w1", 0.0)
        held = await store.workers.claim("c", "w2", SILENT_S)
        await store.workers.release("c", "w2")  # not its own
        still = await store.workers.claim("c", "w2", SILENT_S)
        await store.workers.release("c", "w1")
        return [held, still, await store.workers.claim("c", "w2", SILENT_S), await store.workers.owner("c")]

    assert ["w1", "w1", None, "w2"] == on(tmp_path / "db", use)


def test_claim_of_a_dead_or_unknown_workers_call_is_taken_over(tmp_path: Path) -> None:
    async def use(store: Store) -> list[Any]:
        await store.workers.beat("w1", 0.0)
        await store.workers.claim("c", "w1", 0.0)
        await store.workers.claim("d", "never-seen", 0.0)
        return [await store.workers.claim("c", "w2", SILENT_S + 0.1), await store.workers.claim("d", "w2", 0.1),
                await store.workers.owner("c")]

    assert [None, None, "w2"] == on(tmp_path / "db", use)


def test_owner_of_action_is_the_worker_of_its_call(tmp_path: Path) -> None:
    async def use(store: Store) -> list[Any]:
        await one_call(store)
        before = await store.workers.owner_of_action("a1")
        await store.workers.claim("call-1", "w1", 0.0)
        return [before, await store.workers.owner_of_action("a1"), await store.workers.owner_of_action("other")]

    assert [None, "w1", None] == on(tmp_path / "db", use)


def test_lost_names_the_calls_of_silent_workers_and_forget_clears_them(tmp_path: Path) -> None:
    async def use(store: Store) -> list[Any]:
        for worker, at in (("w1", 0.0), ("w2", 5.0), ("w3", 5.0)):
            await store.workers.beat(worker, at)
            await store.workers.claim(f"call of {worker}", worker, at)
        silent = await store.workers.lost("w3", SILENT_S + 1.0, alone=False)
        alone = await store.workers.lost("w3", SILENT_S + 1.0, alone=True)
        await store.workers.forget("w1")
        return [silent, alone, await store.workers.lost("w3", SILENT_S + 1.0, alone=False),
                await store.workers.owner("call of w1")]

    silent = {"w1": ["call of w1"]}
    assert [silent, silent | {"w2": ["call of w2"]}, {}, None] == on(tmp_path / "db", use)


def test_lease_is_one_workers_until_it_runs_out(tmp_path: Path) -> None:
    async def use(store: Store) -> list[bool]:
        lease = store.workers.lease
        return [await lease("job", "w1", 0.0, 10.0), await lease("job", "w2", 5.0, 10.0),
                await lease("job", "w1", 6.0, 10.0), await lease("job", "w2", 15.9, 10.0),
                await lease("job", "w2", 16.0, 10.0), await lease("other", "w1", 0.0, 10.0)]

    assert [True, False, True, False, True, True] == on(tmp_path / "db", use)
