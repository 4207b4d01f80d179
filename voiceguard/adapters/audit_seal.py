"""Signs checkpoints of the audit, and keeps their marks where whoever writes the database does not reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from voiceguard.adapters.audit_marks import Marks, NotAMark
from voiceguard.adapters.delivery.webhook import SignedWebhook
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.audit import Audit, AuditBroken
from voiceguard.adapters.store.restore import Closed
from voiceguard.audit.checkpoint import Mark
from voiceguard.errors import ConfigurationError
from voiceguard.settings import Settings

FIRST_MARK_S = 2.0
"""Time that the first mark has after its checkpoint; without it the mark counts as gone."""
LOOK_S = 0.05


class AuditSeal:
    """One service's checkpoints and marks. `tell` brings each new mark, as a line, to a witness elsewhere."""

    def __init__(
        self, audit: Audit, keys: Keys, marks: Marks, tell: Callable[[str], Awaitable[Any]] | None = None
    ) -> None:
        self._audit = audit
        self._keys = keys
        self.marks = marks
        self._tell = tell

    async def demand(self) -> None:
        """Raises AuditBroken when the database does not lead to the mark in the data folder and to the witness's last
        one, NotAMark when one of them is not this service's."""
        try:
            await self._demand_newest()
            witnessed = await asyncio.to_thread(self.marks.witnessed)
            if witnessed is not None:
                await self._audit.demand(witnessed)
        except AuditBroken as error:
            raise AuditBroken(
                f"{error}. Find out why; voiceguard audit accept-restore goes on from the database as it is"
            ) from None

    async def _demand_newest(self) -> None:
        """Compare with the mark in the folder, for whose first one a worker beside may still be on the way: it commits
        the checkpoint before it writes the mark."""
        deadline = asyncio.get_running_loop().time() + FIRST_MARK_S
        while True:
            mark = self.marks.newest()
            try:
                return await self._audit.demand(mark)
            except AuditBroken:
                if mark is not None or asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(LOOK_S)

    async def checkpoint(self, now: float) -> Mark | None:
        """Sign a checkpoint and keep its mark; the mark, None while nothing was ever recorded.

        Raises AuditBroken, StoreError, OSError, NotAMark, and VoiceguardError where the witness was not told.
        """
        before = await asyncio.to_thread(self.marks.newest)
        mark = await self._audit.checkpoint(self._keys.sign, now, after=before)
        if mark is not None and await asyncio.to_thread(self.marks.keep, mark) and self._tell is not None:
            await self._tell(self.marks.line(mark))
        return mark

    async def accept_restore(
        self, *, by: str, reason: str, now: float, is_copy: bool = False
    ) -> Closed | None:
        """Go on from the database as it is; None when it leads to the mark, so that there is nothing to accept.
        `is_copy`: the mark was brought back with the database, and says nothing of what came after it.

        Raises StoreError, OSError, and VoiceguardError where the witness was not told.
        """
        try:
            lost = self.marks.newest()
        except NotAMark:
            lost = None
        if is_copy:
            lost = None
        else:
            try:
                await self.demand()
                return None
            except (AuditBroken, NotAMark):
                pass
        mark, closed = await self._audit.accept_restore(
            self._keys.sign, lost, by=by, reason=reason, now=now, retired_keys=sorted(self._keys.retired)
        )
        self.marks.keep(mark, instead=True)
        if self._tell is not None:
            await self._tell(self.marks.line(mark))
        return closed


@asynccontextmanager
async def audit_seal(settings: Settings, store: Store, keys: Keys) -> AsyncIterator[AuditSeal]:
    """The seal as the settings say. Raises ConfigurationError for a witness that cannot be used."""
    options = settings.audit
    if options.witness_url is not None and options.witness_secret is None:
        raise ConfigurationError("audit.witness_secret is needed to sign what audit.witness_url gets")
    marks = Marks(settings.data_dir, keys.sign, keys.verify, options.witness_file)
    if options.witness_url is None or options.witness_secret is None:
        yield AuditSeal(store.audit, keys, marks)
        return
    webhook = SignedWebhook("mark of the audit", options.witness_url, options.witness_secret.get_secret_value())
    try:
        yield AuditSeal(store.audit, keys, marks, lambda line: webhook.post(line.encode()))
    finally:
        await webhook.aclose()
