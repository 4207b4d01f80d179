"""What is open: streams and live feeds, each with what opened it, so that taking that back closes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from voiceguard.adapters.store import Store
from voiceguard.adapters.store.api_keys import Holder
from voiceguard.adapters.store.users import Session

LOOK_S = 1.0
"""Between two looks: a key or person that loses a right loses what is open within two of them."""


@dataclass(frozen=True, eq=False)
class Opened:
    """One open connection. The digest is of the key's secret, or of the session's token."""

    digest: str
    key_holds: Callable[[Holder], bool] | None
    """Whether a key as it is now still opens this; None: a session opened it."""
    session_holds: Callable[[Session], bool] | None
    end: Callable[[], None]
    """Close it; must not block."""


class Connections:
    """The open connections of this process."""

    def __init__(self) -> None:
        self._open: set[Opened] = set()

    @contextmanager
    def watched(self, opened: Opened) -> Iterator[None]:
        """Close this connection when what opened it is taken back."""
        self._open.add(opened)
        try:
            yield
        finally:
            self._open.discard(opened)

    async def look(self, store: Store, now: float) -> None:
        """Close what no key and no session holds open any more. Raises StoreError, and everything stays open."""
        if not self._open:
            return
        watched = list(self._open)
        by_key = {opened.digest for opened in watched if opened.key_holds is not None}
        by_session = {opened.digest for opened in watched if opened.session_holds is not None}
        keys = await store.api_keys.holders(by_key, now) if by_key else {}
        sessions = await store.users.sessions(by_session) if by_session else {}
        for opened in watched:
            key, session = keys.get(opened.digest), sessions.get(opened.digest)
            if not (
                (opened.key_holds is not None and key is not None and opened.key_holds(key))
                or (opened.session_holds is not None and session is not None and opened.session_holds(session))
            ):
                opened.end()
