"""Grants of one call that die when what they rested on is gone: its risk turned high, or its customer was corrected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from voiceguard.adapters.store import StoreError
from voiceguard.events import Band
from voiceguard.live.context import LiveContext

RETRY_S = 1.0
"""After a store that refused, seconds."""


class CallGrants:
    """What was granted must not be acted on once the risk is high, or the caller claims another customer: here at once,
    and in the store after the grants that are still on their way to it.

    `decided` returns when every decision made so far is in the store.
    """

    def __init__(self, context: LiveContext, call_id: str, decided: Callable[[], Awaitable[None]]) -> None:
        self.dead: dict[str, str] = {}
        """Ids of grants that were revoked, and why."""
        self._context = context
        self._call_id = call_id
        self._decided = decided
        self._given: set[str] = set()
        self._band = Band.UNKNOWN
        self._revoking: asyncio.Task[None] | None = None

    def given(self, jti: str) -> None:
        """A grant was made."""
        self._given.add(jti)

    def risk_is(self, band: Band) -> None:
        """The risk is in this band now; where it turns high, what was granted before is dead."""
        turned, self._band = band is Band.HIGH and self._band is not Band.HIGH, band
        if turned:
            self.revoke("risk_high")

    def revoke(self, why: str) -> None:
        """Everything that was granted is dead from now on."""
        self.dead = {**dict.fromkeys(self._given, why), **self.dead}
        if self._given and (self._revoking is None or self._revoking.done()):
            self._revoking = asyncio.create_task(self._revoke(), name=f"revoke:{self._call_id}")

    async def idle(self) -> None:
        """Return when the store knows of every grant that died."""
        if self._revoking is not None:
            await self._revoking

    async def close(self, last_decided: Callable[[], Awaitable[None]]) -> None:
        """The call is over: once its last decisions are told, the store is asked once more."""
        if self._revoking is not None:
            self._revoking.cancel()
        await last_decided()
        if self.dead:
            await self._tell_store()

    async def _revoke(self) -> None:
        await self._decided()
        while not await self._tell_store():
            await asyncio.sleep(RETRY_S)
            await self._decided()

    async def _tell_store(self) -> bool:
        try:
            for why in sorted(set(self.dead.values())):
                jtis = [jti for jti, cause in self.dead.items() if cause == why]
                await self._context.store.decisions.revoke_grants(jtis, why, self._context.now())
        except StoreError:
            self._context.metrics.store_errors.inc()
            return False
        return True
