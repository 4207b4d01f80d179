"""Uses of routes that are not in the store yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from voiceguard.adapters.store.uses import Use

LOOKED_AT: Final = 5
"""Answers of one route to one key whose fields are looked at between two writes."""
MOST_ROWS: Final = 2000
"""Pairs of route and key between two writes; further ones are not counted."""


class Counted:
    """Uses since the last write; one for each process."""

    def __init__(self) -> None:
        self._uses: dict[tuple[str, str], Use] = {}

    def wants_fields(self, route: str, who: str) -> bool:
        """Whether fields of this answer would be looked at."""
        use = self._uses.get((route, who))
        return use is None or use.calls < LOOKED_AT

    def note(self, route: str, who: str, now: float, *, is_declared: bool, fields: Iterable[str] = ()) -> None:
        """Count one use."""
        use = self._uses.get((route, who))
        if use is None:
            if len(self._uses) >= MOST_ROWS:
                return
            use = self._uses[route, who] = Use(route, who, is_declared, 0, now, now, frozenset())
        use.calls, use.last_at, use.fields = use.calls + 1, now, use.fields | frozenset(fields)

    def taken(self) -> list[Use]:
        """What was counted, which is counted no more here."""
        uses, self._uses = list(self._uses.values()), {}
        return uses
