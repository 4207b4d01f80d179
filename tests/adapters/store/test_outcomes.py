"""What came of calls, summed up from their records, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.adapters.store.helpers import DENY, ENDED, STARTED, STEP_UP, WRONG, decide, url
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.outcomes import WEEK_S
from voiceguard.events import ActionState, Decision
from voiceguard.measures.outcomes import Counts
from voiceguard.privacy.retention import RetentionOptions

CIPHER = Fernet(Fernet.generate_key())
HANDED = replace(
    STEP_UP, decision=Decision.HANDOVER, state=ActionState.HANDED_OVER, rule="ask_human", challenge=None
)
TAKEN = replace(HANDED, rule="accepted", person="ann")
LAPSED = replace(STEP_UP, state=ActionState.LAPSED, rule="call_ended", challenge=None)
DAY_S = 86400.0


def run(database: str, use: Callable[[Store], Awaitable[Any]]) -> Any:
    """What `use` gives on a store."""
    async def go() -> Any:
        async with Store.open(database, CIPHER) as store:
            await store.customers.upsert("customer-1")
            return await use(store)

    return asyncio.run(go())


async def call(store: Store, call_id: str, at: float, *decided: Any, **started: Any) -> None:
    """A call that begins at a time, with decisions 10 s apart."""
    await store.calls.append(call_id, [STARTED | {"call_id": call_id, "at": at} | started])
    for place, one in enumerate(decided, 1):
        await decide(store, one, call_id, at + 10.0 * place)
    await store.calls.append(call_id, [ENDED | {"at": at + 60.0}])


async def _calls(store: Store) -> None:
    spanish = {"metadata": {"language": "es", "line": "cards", "secret": "x", "segment": 3, "region": "a\nb"}}
    await call(store, "quiet", 1000.0)
    await call(store, "genuine", 2000.0, STEP_UP, WRONG, LAPSED, **spanish)
    await call(store, "reviewed", 3000.0, HANDED, TAKEN, DENY)
    await call(store, "stranger", 4000.0, STEP_UP, customer_ref=None)
    await store.labels.add("genuine", "fraud", author="ann", note="", at=5000.0)
    await store.labels.add("genuine", "genuine", author="ann", note="", at=5001.0)
    await store.labels.add("reviewed", "fraud", author="ann", note="", at=5002.0)


def test_counts_of_all_calls(database: str) -> None:
    """Each call counts once for what happened in it; the newest verdict counts."""
    async def use(store: Store) -> Any:
        await _calls(store)
        await store.outcomes.complain(kind="too_many_questions", at=2500.0, author="desk", customer_ref="customer-1")
        return await store.outcomes.counts(0.0, 9000.0, now=4000.0 + WEEK_S)

    assert run(database, use) == {"all": Counts(
        calls=4, genuine=1, fraud=1, asked=3, challenged=2, challenged_genuine=1, failed_genuine=1, escalated=1,
        opened=3, abandoned=1, allowed_fraud=0, complained=1, repeatable=3, repeated=2, review_s=10.0,
        added_s=20.0 + 20.0,
    )}


@pytest.mark.parametrize(("by", "wanted"), [
    ("language", {"": 3, "es": 1}), ("line", {"": 3, "cards": 1}), ("segment", {"": 4}), ("region", {"": 4}),
    ("action", {"": 1, "refund": 3}), ("policy", {"": 1, "ba9876543210": 3}), ("day", {"0": 4}),
])
def test_counts_by_group(database: str, by: Any, wanted: dict[str, int]) -> None:
    """What is no short text is no group."""
    async def use(store: Store) -> Any:
        await _calls(store)
        return await store.outcomes.counts(0.0, 9000.0, by, now=9000.0)

    assert {name: counts.calls for name, counts in run(database, use).items()} == wanted


def test_counts_of_a_time_and_a_tenant(database: str) -> None:
    """From its beginning to before its end."""
    async def use(store: Store) -> Any:
        await _calls(store)
        await call(store, "brand~x", 2000.0, customer_ref=None)
        spans = [store.outcomes.counts(2000.0, 3000.0, now=9.0), store.outcomes.counts(0.0, 9.0, now=9.0),
                 store.outcomes.counts(0.0, 9000.0, now=9.0, tenant="brand")]
        return [sum(counts.calls for counts in (await span).values()) for span in spans]

    assert run(database, use) == [2, 0, 1]


def test_handover_in_which_the_caller_hangs_up_is_abandoned(database: str) -> None:
    """The end of the handover says so."""
    async def use(store: Store) -> Any:
        await call(store, "call-1", 1000.0, HANDED)
        await store.calls.append("call-1", [{"kind": "handover_ended", "at": 1060.0, "action_id": "a1",
                                             "outcome": "abandoned", "taken_by": [], "approved_by": []}])
        return (await store.outcomes.counts(0.0, 9000.0, now=9.0))["all"]

    counts = run(database, use)
    assert (counts.opened, counts.abandoned, counts.added_s) == (1, 1, 50.0)


def test_complain_without_a_call_is_about_the_last_one_before(tmp_path: Path) -> None:
    """Not a later one, and not one of long ago."""
    async def use(store: Store) -> Any:
        await _calls(store)
        told = [
            await store.outcomes.complain(kind="k", at=at, author="desk", customer_ref=ref)
            for at, ref in ((2500.0, "customer-1"), (500.0, "customer-1"), (9e7, "customer-1"), (2500.0, "nobody"))
        ]
        told.append(await store.outcomes.complain(kind="k", at=1.0, author="desk", call_id="nowhere"))
        by_line = await store.outcomes.counts(0.0, 9000.0, "line", now=9.0)
        return [one is not None for one in told], by_line["cards"].complained

    assert run(url(tmp_path / "v.db"), use) == ([True, False, False, False, False], 1)


def test_retention_takes_outcomes_with_their_call(tmp_path: Path) -> None:
    """Nothing of a swept call is left but that there was one."""
    async def use(store: Store) -> Any:
        await _calls(store)
        await store.outcomes.complain(kind="k", at=2500.0, author="desk", customer_ref="customer-1")
        while await store.retention.sweep(RetentionOptions(call_days=1.0), 1e7):
            pass
        return (await store.outcomes.counts(0.0, 9000.0, now=1e7))["all"]

    assert run(url(tmp_path / "v.db"), use) == Counts(calls=4)
