"""Rates, intervals, sentences, cost, and groups that are challenged more than others."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from voiceguard.measures.outcomes import (
    CostOptions,
    Counts,
    compare,
    cost,
    difference,
    rate,
    rates,
    total,
    unequal,
    wilson,
)


@given(st.integers(1, 5000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_wilson_is_that_of_scipy(share: tuple[int, int]) -> None:
    """For every share."""
    interval = stats.binomtest(*share).proportion_ci(method="wilson")

    assert wilson(*share) == pytest.approx((interval.low, interval.high), abs=1e-9)


def test_difference_is_that_of_newcombe() -> None:
    """56 of 70 against 48 of 80 (Newcombe 1998, table II, method 10)."""
    assert difference((48, 80), (56, 70)) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_rate_of_no_calls_is_none_and_small() -> None:
    """Nothing is made up."""
    assert rate(0, 0).per_1000 is None
    assert (rate(0, 29).is_small, rate(0, 30).is_small) == (True, False)


def test_compare_says_what_rose_with_its_interval() -> None:
    """In one plain sentence."""
    (change,) = [
        one for one in compare(
            Counts(calls=9000, genuine=8000, challenged_genuine=248),
            Counts(calls=9000, genuine=8000, challenged_genuine=464),
        ) if one.measure == "challenged_genuine"
    ]

    assert change.text == "challenges per 1,000 genuine calls rose from 31 to 58 (+21 to +33)"


def test_compare_small_numbers_say_so_and_claim_nothing() -> None:
    """Two of ten against one of ten is no change."""
    texts = {one.measure: one.text for one in compare(Counts(calls=10, challenged=1), Counts(calls=10, challenged=2))}

    assert texts["challenged"] == (
        "challenges per 1,000 calls: no clear change, 100 before and 200 after (-236 to +421); "
        "small numbers: 1 of 10 calls before, 2 of 10 after"
    )
    assert texts["allowed_fraud"].endswith("no calls before the change, so nothing to compare")


def test_cost_is_the_weighted_sum() -> None:
    """Each weight counts its own thing."""
    counts = Counts(challenged=10, review_s=7200, abandoned=3, complained=2, allowed_fraud=1)

    assert cost(counts, CostOptions(1.0, 10.0, 5.0, 7.0, 100.0)) == 10 + 20 + 15 + 14 + 100


def test_total_adds_every_count() -> None:
    """Field by field."""
    assert total([Counts(calls=1, review_s=2.5), Counts(calls=2, fraud=1)]) == Counts(calls=3, fraud=1, review_s=2.5)


def test_rates_of_nothing_are_all_small() -> None:
    """An empty installation has no rates."""
    assert all(one.is_small and one.per_1000 is None for one in rates(Counts()).values())


def _simulated(draw: random.Random, shares: dict[str, tuple[int, float]]) -> dict[str, Counts]:
    return {
        name: Counts(calls=calls, challenged=sum(draw.random() < share for _ in range(calls)))
        for name, (calls, share) in shares.items()
    }


def test_unequal_finds_a_group_that_is_challenged_twice_as_often() -> None:
    """300 calls of it are enough in 95 of 100 simulations."""
    draw = random.Random(1)
    shares = {"a": (300, 0.2), "b": (1500, 0.1), "c": (1500, 0.1), "d": (1500, 0.1)}
    found = [[one.group for one in unequal(_simulated(draw, shares))] for _ in range(100)]

    assert found.count(["a"]) >= 95


def test_unequal_keeps_still_at_equal_rates() -> None:
    """In 95 of 100 simulations."""
    draw = random.Random(2)
    shares = {"a": (300, 0.1), "b": (800, 0.1), "c": (1500, 0.1), "d": (60, 0.1)}
    found = [unequal(_simulated(draw, shares)) for _ in range(100)]

    assert sum(not one for one in found) >= 95


def test_unequal_passes_small_groups_over() -> None:
    """A group of 29 calls is never warned of."""
    assert unequal({"a": Counts(calls=29, challenged=29), "b": Counts(calls=1000, challenged=10)}) == []


def test_unequal_says_how_much() -> None:
    """With both rates."""
    (found,) = unequal({"a": Counts(calls=300, challenged=60), "b": Counts(calls=1000, challenged=100)})

    assert found.text.startswith("a: challenged on 200 of 1,000 calls, the rest on 100; chance explains that in ")
