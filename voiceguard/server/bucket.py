"""A token bucket: what may be taken at once, and how fast more comes."""

from __future__ import annotations


class Bucket:
    """Holds `most` at first and at most, and gains `per_s` a second. `now`: seconds of any clock that does not go back.
    """

    def __init__(self, most: float, per_s: float, now: float) -> None:
        self._most, self._per_s = most, per_s
        self._level, self._at = most, now

    def take(self, amount: float, now: float) -> None:
        """Take that much, also where there is less: the next ones wait for it."""
        self._level, self._at = self._level_at(now) - amount, now

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until it holds that much."""
        return max(0.0, amount - self._level_at(now)) / self._per_s

    def _level_at(self, now: float) -> float:
        return min(self._most, self._level + (now - self._at) * self._per_s)
