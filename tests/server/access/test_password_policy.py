"""Passwords, codes, sessions and wrong guesses, without time or chance of their own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.server.access import password_policy
from voiceguard.server.access.password_policy import SessionLimits, is_over, recovery_digest, wait_after, why_bad

LIMITS = SessionLimits(idle_s=100.0, absolute_s=1000.0)


@pytest.mark.parametrize(
    ("seen_at", "now", "over"),
    [(0.0, 99.9, False), (0.0, 100.0, True), (950.0, 999.9, False), (950.0, 1000.0, True), (0.0, -1.0, True),
     (500.0, 430.0, True), (500.0, 441.0, False)],
    ids=["not idle yet", "idle", "not yet a shift", "a whole shift", "before it began", "clock set back", "a little"],
)
def test_a_session_ends_by_itself(seen_at: float, now: float, over: bool) -> None:
    """Idle or old; and when the clock has gone back by more than another process's may differ."""
    assert over == is_over(LIMITS, created_at=0.0, seen_at=seen_at, now=now)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_no_session_outlives_its_limit(seen_at: float, now: float) -> None:
    """Whatever was done in it."""
    if now >= LIMITS.absolute_s:
        assert is_over(LIMITS, created_at=0.0, seen_at=seen_at, now=now)


def test_waits_double_up_to_a_quarter_of_an_hour() -> None:
    """The first guesses are free, and one who forgot is never kept out for long."""
    assert [0.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0] == [wait_after(count) for count in (4, 5, 6, 7, 8, 9, 500)]
    assert [0.0, 60.0, 60.0] == [password_policy.wait_after_from_address(count) for count in (49, 50, 5000)]
    assert [0.0, 60.0, 60.0] == [password_policy.wait_after_for_name(count) for count in (199, 200, 5000)]


@given(st.integers(0, 10_000))
def test_more_guesses_never_wait_less(failures: int) -> None:
    """For any run."""
    assert wait_after(failures) <= wait_after(failures + 1) <= password_policy.LONGEST_WAIT_S


@pytest.mark.parametrize(
    ("password", "words"),
    [("short word", "at least 12"), ("x" * 129, "at most 128"), ("password12345", "easy to guess"),
     ("annasmith2026", "easy to guess"), ("voiceguardvoiceguard", "easy to guess")],
)
def test_bad_passwords(password: str, words: str) -> None:
    """Too short, too long for the hash's sake, known to everybody, or the person's own name."""
    assert words in str(why_bad(password, "annasmith@bank.example"))


@pytest.mark.parametrize("password", ["seven quiet herons", "correct horse battery staple", "käse-und-birnen-im-mai"])
def test_good_passwords(password: str) -> None:
    """Words suffice: no digits, capitals or signs are asked for."""
    assert why_bad(password, "ann") is None


def test_recovery_codes_read_by_people() -> None:
    """Ten different ones of 80 bits; dashes, spaces and capitals do not matter when one is typed."""
    drawn = iter(range(100))
    codes = password_policy.new_recovery_codes(lambda count: bytes([next(drawn)]) * count)

    assert 10 == len(set(codes))
    assert {19} == {len(code) for code in codes}
    assert recovery_digest(codes[3]) == recovery_digest(f" {codes[3].upper().replace('-', '')} ")


def test_tokens_kept_tell_nothing_of_each_other() -> None:
    """The digest that is kept, the page's token and a recovery code's digest are of three kinds."""
    assert 3 == len({password_policy.token_digest("a"), password_policy.csrf_token("a"), recovery_digest("a")})
