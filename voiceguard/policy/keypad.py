"""Codes as people key them on a telephone: with stray keys before, with pauses, twice, or each digit delivered twice.

A code is what stands when keying ends, by `#` or a pause: its last six digits, or, where every digit came twice (tones
and events both reported), every other one. Fewer digits are no code, and wait for the rest; `#` drops them, `*` clears.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from voiceguard.policy import otp

PAUSE_S = 2.0
"""Without a key for so long, keying has ended."""
_KEPT = 4 * otp.DIGITS


@dataclass(slots=True, repr=False)
class Keys:
    """What was keyed in for one challenge, and is not judged yet. Secret: never in a repr."""

    digits: str = ""
    tried: str | None = None
    """The first six digits, where they were compared at once and are wrong: more digits may still follow."""
    last_at: float = -math.inf
    """Unix seconds of the last key."""
    _group: int = 0
    """Where the digits since the last pause begin."""

    def add(self, digit: str, at: float) -> None:
        """Take a digit."""
        if at - self.last_at >= PAUSE_S:
            self._group = len(self.digits)
        self.digits += digit
        self.last_at = at
        if (gone := len(self.digits) - _KEPT) > 0:
            self.digits, self._group = self.digits[gone:], max(self._group - gone, 0)

    def clear(self) -> None:
        """Forget everything."""
        self.digits, self.tried, self._group = "", None, 0

    @property
    def is_whole(self) -> bool:
        """Whether exactly one code was keyed in one go, so that it need not wait for a pause."""
        return len(self.digits) == otp.DIGITS and self._group == 0 and self.tried is None

    def is_due(self, now: float) -> bool:
        """Whether keying has ended with a code."""
        return len(self.digits) >= otp.DIGITS and now - self.last_at >= PAUSE_S

    def code(self) -> str | None:
        """The code that somebody meant, where keying ends here; None: no code."""
        for keyed in (self.digits[self._group :], self.digits):
            if len(keyed) >= 2 * otp.DIGITS and keyed[::2] == keyed[1::2]:
                return keyed[::2][-otp.DIGITS :]
        return self.digits[-otp.DIGITS :] if len(self.digits) >= otp.DIGITS else None
