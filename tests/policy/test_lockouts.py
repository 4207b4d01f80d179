"""Lock-outs: longer each time, and never without an end that a person can set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voiceguard.policy.lockouts import MAX_WRONG, LockoutTerms, is_blocked, wait_s


@given(st.integers(1, 5), st.integers(60, 86400), st.integers(1, 10**6))
def test_waits_never_shrink_and_last_a_day_at_most(tries: int, lockout_s: int, wrong: int) -> None:
    """From the first wait on, which the policy says."""
    terms = LockoutTerms(tries, lockout_s, 10)

    assert lockout_s == wait_s(tries, terms)
    assert lockout_s <= wait_s(wrong, terms) <= wait_s(wrong + 1, terms) <= 86400.0


def test_hundred_wrong_codes_block() -> None:
    """NIST SP 800-63B-4 section 3.2.2."""
    assert [False, True] == [is_blocked(MAX_WRONG - 1), is_blocked(MAX_WRONG)]
