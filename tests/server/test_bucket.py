"""What may be taken at once, and how soon more comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voiceguard.server.bucket import Bucket

AMOUNTS = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 3)), max_size=30)


def test_full_bucket_gives_its_most_and_then_as_it_fills() -> None:
    """Three at once, then one every half second."""
    bucket = Bucket(3.0, 2.0, 10.0)
    bucket.take(3.0, 10.0)

    assert [0.5, 0.25, 0.0] == [bucket.wait_s(1.0, at) for at in (10.0, 10.25, 10.5)]


def test_long_wait_gives_no_more_than_its_most() -> None:
    """An hour without a take is worth one burst."""
    bucket = Bucket(3.0, 2.0, 0.0)
    bucket.take(3.0, 0.0)

    assert 1.0 == bucket.wait_s(5.0, 3600.0)


@given(AMOUNTS)
def test_whoever_waits_as_told_takes_no_more_than_burst_and_rate(steps: list[tuple[float, float]]) -> None:
    """With the told wait before every take, what was taken fits the time that passed."""
    bucket, now, taken = Bucket(5.0, 2.0, 0.0), 0.0, 0.0
    for amount, idle in steps:
        now += idle
        now += bucket.wait_s(amount, now)
        bucket.take(amount, now)
        taken += amount

    assert taken <= 5.0 + 2.0 * now + 1e-6
