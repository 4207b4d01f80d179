"""How long wrong codes lock a customer out, over all calls."""

from __future__ import annotations

from dataclasses import dataclass

MAX_WRONG = 100
"""Wrong codes in a row after which only a person lifts the lock-out (NIST SP 800-63B-4 section 3.2.2)."""
LONGEST_WAIT_S = 86400.0


@dataclass(frozen=True, slots=True)
class LockoutTerms:
    """What a customer's codes may be over all calls."""

    tries: int
    """Wrong codes that lock the customer out."""
    lockout_s: float
    """Seconds of the first lock-out."""
    per_hour: int
    """Codes that are sent within an hour, at most."""


def is_blocked(codes: int) -> bool:
    """Whether so many wrong codes in a row block a customer until a person lifts it."""
    return codes >= MAX_WRONG


def wait_s(tries: int, terms: LockoutTerms) -> float:
    """Seconds of the lock-out that follows the last of `tries` wrong codes in a row: each is twice as long as the one
    before, up to a day."""
    earlier = min(max(tries // terms.tries, 1) - 1, 32)
    return float(min(terms.lockout_s * 2**earlier, max(LONGEST_WAIT_S, terms.lockout_s)))
