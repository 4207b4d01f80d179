"""Wrong and sent codes of customers, counted over all their calls."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.store.helpers import ALLOW, STARTED, STEP_UP, WRONG, decide, on, rows, url
from voiceguard.adapters.store import Store, StoreError, TooManyCodes
from voiceguard.adapters.store.users import CHAIN
from voiceguard.events import ActionDecided, Challenge, CodeJudged, CustomerFacts

SENT = replace(STEP_UP, challenge=Challenge("delivered_code", 400.0, 3, "urn:voiceguard:acr:otp"))
RIGHT = replace(ALLOW, grant=None, accepted_totp_step=None)


async def calls(store: Store, count: int, customer_ref: str = "customer-1") -> list[str]:
    """Calls on record, whose customer is known."""
    await store.customers.upsert(customer_ref)
    ids = [f"call-{number}" for number in range(1, count + 1)]
    for call_id in ids:
        await store.calls.append(call_id, [STARTED | {"call_id": call_id, "customer_ref": customer_ref}])
    return ids


def test_wrong_codes_of_several_calls_lock_the_customer(tmp_path: Path) -> None:
    """One guess a call and hanging up gives no further guesses; the calls are named."""
    async def use(store: Store) -> Any:
        said = [await decide(store, WRONG, call_id) for call_id in await calls(store, 3)]
        return [(one.rule, one.challenge and one.challenge.tries_left) for one in said], await store.customers.find(
            "customer-1"
        )

    said, customer = on(tmp_path / "v.db", use)
    assert [("wrong_code", 2), ("wrong_code", 1), ("too_many_tries", None)] == said
    assert (1010.0, {"call-1", "call-2", "call-3"}) == (customer.locked_until, set(customer.wrong_in))


async def found(store: Store) -> CustomerFacts:
    """The customer of these tests."""
    customer = await store.customers.find("customer-1")
    assert customer is not None
    return customer


@pytest.mark.parametrize("entered", [RIGHT, ALLOW, WRONG])
def test_locked_customer_gets_one_answer_for_every_code(tmp_path: Path, entered: ActionDecided) -> None:
    """Whoever guesses on learns nothing: right and wrong are the same denial, and neither spends anything."""
    async def use(store: Store) -> Any:
        first, *_, other = await calls(store, 4)
        for _ in range(3):
            await decide(store, WRONG, first)
        stands = await decide(store, entered, other)
        customer = await found(store)
        return stands, customer.last_totp_step, len(customer.wrong_in)

    stands, step, named = on(tmp_path / "v.db", use)
    assert ("denied", "customer_locked", None, None, None) == (
        stands.state, stands.rule, stands.grant, stands.challenge, stands.lock_customer_until
    )
    assert (-1, 1) == (step, named)


def test_waits_grow_up_to_a_day_and_a_right_code_begins_anew(tmp_path: Path) -> None:
    """Each further lock-out lasts twice as long."""
    async def use(store: Store) -> Any:
        await calls(store, 1)
        waits, now = [], 1000.0
        for _ in range(9):
            for _ in range(3):
                stands = await decide(store, WRONG, at=now)
            assert stands.lock_customer_until is not None
            waits.append(stands.lock_customer_until - now)
            now = stands.lock_customer_until
        await decide(store, RIGHT, at=now)
        for _ in range(3):
            stands = await decide(store, WRONG, at=now)
        assert stands.lock_customer_until is not None
        return waits, stands.lock_customer_until - now

    waits, anew = on(tmp_path / "v.db", use)
    assert ([900.0 * 2**n for n in range(7)] + [86400.0] * 2, 900.0) == (waits, anew)


def test_hundred_wrong_codes_block_until_a_person_unlocks(tmp_path: Path) -> None:
    """No wait is long enough then; who lifted it, and why, is on record without the customer's name."""
    async def use(store: Store) -> Any:
        await calls(store, 1)
        now = 1000.0
        while math.isfinite((await found(store)).locked_until):
            now += 86400.0
            for _ in range(3):
                await decide(store, WRONG, at=now)
        late = await decide(store, RIGHT, at=now + 10 * 365 * 86400.0)
        forgotten = await store.customers.unlock("customer-1", author="Ann", reason="It was not her.", now=now)
        stands = await decide(store, RIGHT, at=now + 1.0)
        return late.rule, forgotten, stands.state, (await store.calls.events(CHAIN))[-1]

    late, forgotten, state, record = on(tmp_path / "v.db", use, Fernet(Fernet.generate_key()))
    assert ("customer_locked", 100, "allowed") == (late, forgotten, state)
    assert ("customer_unlocked", "Ann", 100) == (record["kind"], record["by"], record["wrong_codes"])
    assert not [row for row in rows(tmp_path / "v.db", "select record from audit_events") if b"customer-1" in row[0]]


def test_unknown_customer_is_not_unlocked(tmp_path: Path) -> None:
    """There is nothing to lift, and nothing is recorded."""
    async def use(store: Store) -> Any:
        return await store.customers.unlock("nobody", author="Ann", reason="?", now=1.0), await store.calls.find(CHAIN)

    assert (None, None) == on(tmp_path / "v.db", use)


def test_code_counts_for_the_customer_of_its_action(tmp_path: Path) -> None:
    """Another process may have begun the call id anew for somebody else: neither lock nor TOTP step go to them."""
    async def use(store: Store) -> Any:
        await store.customers.upsert("customer-2")
        await calls(store, 1)
        await store.calls.append("call-1", [STARTED | {"customer_ref": "customer-2"}])
        await decide(store, ALLOW)
        for _ in range(3):
            await decide(store, replace(WRONG, action_id="a2"))
        return [await store.customers.find(ref) for ref in ("customer-1", "customer-2")]

    one, other = on(tmp_path / "v.db", use)
    assert [(77, True), (-1, False)] == [(each.last_totp_step, each.locked_until > 0.0) for each in (one, other)]


def test_guesses_of_many_calls_at_once_are_all_counted(tmp_path: Path) -> None:
    """Over two connections, as of two processes, no more than the tries are judged before the lock-out."""
    async def run() -> Any:
        path = url(tmp_path / "v.db")
        async with Store.open(path) as one, Store.open(path) as other:
            ids = await calls(one, 12)
            said = await asyncio.gather(*(
                decide((one, other)[number % 2], WRONG, call_id) for number, call_id in enumerate(ids)
            ))
            return sorted(stands.rule for stands in said)

    assert ["customer_locked"] * 9 + ["too_many_tries"] + ["wrong_code"] * 2 == asyncio.run(run())


def test_codes_sent_to_one_customer_are_limited_by_the_hour(tmp_path: Path) -> None:
    """Over all calls; others get theirs, and an hour later there are codes again. What is too many is not recorded."""
    async def use(store: Store) -> list[bool]:
        first, other = await calls(store, 2)
        sent = []
        for number, now in enumerate([0.0, 1.0, 2.0, 3600.0, 3601.0, 3602.0]):
            try:
                await decide(store, replace(SENT, action_id=f"a{number}"), (first, other)[number % 2], now)
                sent.append(True)
            except TooManyCodes:
                sent.append(False)
        await decide(store, replace(SENT, customer_ref="customer-2", action_id="a4"), at=2.0)
        return sent

    assert [True, True, False, True, True, False] == on(tmp_path / "v.db", use)
    recorded = {row[0] for row in rows(tmp_path / "v.db", "select action_id from actions where at < 4000.0")}
    assert {"a0", "a1", "a3", "a4"} == recorded


def test_erased_customer_leaves_no_codes(tmp_path: Path) -> None:
    """What was counted goes with the customer."""
    async def use(store: Store) -> None:
        await calls(store, 1)
        await decide(store, WRONG)
        await decide(store, SENT)
        await store.customers.erase("customer-1", author="Ann", reason="asked", now=2.0)

    on(tmp_path / "v.db", use)
    for table in ("wrong_codes", "sent_codes"):
        assert [] == rows(tmp_path / "v.db", f"select * from {table}")


def test_step_that_was_used_before_clears_nothing(tmp_path: Path) -> None:
    """A replayed code is no right code."""
    async def use(store: Store) -> Any:
        await calls(store, 2)
        await decide(store, replace(ALLOW, grant=None))
        await decide(store, WRONG)
        with pytest.raises(StoreError, match="used before"):
            await decide(store, replace(ALLOW, grant=None), "call-2")
        return (await found(store)).wrong_in

    assert ("call-1",) == on(tmp_path / "v.db", use)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.booleans(), st.sampled_from([1, 2])), max_size=14))
def test_no_order_of_calls_gives_more_guesses(
    tmp_path_factory: pytest.TempPathFactory, entered: list[tuple[int, bool, int]]
) -> None:
    """At one moment never more than the tries are judged wrong in a row, over whichever calls they are spread."""
    async def use(store: Store) -> list[str]:
        await calls(store, 4)
        return [
            (await decide(store, replace(RIGHT if is_right else WRONG, code=CodeJudged(
                is_right=is_right, compared=compared
            )), f"call-{number}")).rule for number, is_right, compared in entered
        ]

    said = on(tmp_path_factory.mktemp("codes") / "v.db", use)
    in_a_row = 0
    for rule in said:
        assert in_a_row < 3 or rule == "customer_locked"
        in_a_row = in_a_row + 1 if rule in ("wrong_code", "too_many_tries") else 0 if rule == "code_right" else in_a_row
