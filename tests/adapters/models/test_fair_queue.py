"""Whoever has much waiting keeps no other waiting."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from voiceguard.adapters.models.fair_queue import FairQueue


def test_owners_are_served_in_turn() -> None:
    """One window of the second call comes right after the first of the first, however many those are."""
    queue: FairQueue[str] = FairQueue(100)
    for number in range(50):
        queue.put("greedy", f"g{number}")
    queue.put("other", "o0")

    assert ["g0", "o0", "g1", "g2"] == queue.take(4)
    assert ["g3", "g4"] == queue.take(2)


def test_full_queue_gives_up_the_newest_of_the_greediest() -> None:
    """Another call's window finds a place; the greedy call's own next one does not."""
    queue: FairQueue[str] = FairQueue(3)
    for number in range(3):
        assert queue.put("greedy", f"g{number}") is None

    assert "g3" == queue.put("greedy", "g3")
    assert "g2" == queue.put("other", "o0")
    assert ["g0", "o0", "g1"] == queue.take(9)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3))))
def test_nothing_is_lost_and_order_is_kept(steps: list[tuple[int, int]]) -> None:
    """Every item is taken once or given up once, and one owner's items come in their order."""
    queue: FairQueue[tuple[int, int]] = FairQueue(8)
    put, out, taken = [], [], []
    for number, (owner, take) in enumerate(steps):
        put.append((owner, number))
        given_up = queue.put(owner, (owner, number))
        out += [] if given_up is None else [given_up]
        taken += queue.take(take)
        assert len(queue) <= 8
    taken += queue.take(99)

    assert Counter(put) == Counter(out + taken)
    for owner in range(5):
        of_owner = [item for item in taken if item[0] == owner]
        assert sorted(of_owner) == of_owner


def test_waiting_ends_when_something_waits() -> None:
    """Also for what came before anybody waited."""

    async def run() -> list[str]:
        queue: FairQueue[str] = FairQueue(8)
        queue.put("a", "1")
        await queue.wait()
        first = queue.take(1)
        waiting = asyncio.create_task(queue.wait())
        await asyncio.sleep(0)
        queue.put("a", "2")
        await waiting
        return first + queue.take(1)

    assert ["1", "2"] == asyncio.run(run())
