"""What strangers make the audit write: one record a minute of each kind, and how many more there were."""

from __future__ import annotations

from typing import Final

PERIOD_S: Final = 60.0


class Strangers:
    """Counts what is not recorded. One for each process."""

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[float, int]] = {}
        """Kind to the time of its last record, Unix seconds, and how often it came since."""

    def due(self, kind: str, now: float) -> int | None:
        """How often this came since the last record without one; None when it is too early for another."""
        at, missed = self._kinds.get(kind, (-PERIOD_S, 0))
        if now - at < PERIOD_S:
            self._kinds[kind] = at, missed + 1
            return None
        self._kinds[kind] = now, 0
        return missed
