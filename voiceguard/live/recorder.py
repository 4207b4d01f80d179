"""The records of one call that are not decisions: they wait for each other and are written in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from voiceguard.adapters.logs import described
from voiceguard.adapters.store import StoreError
from voiceguard.live.context import LiveContext

log = structlog.get_logger()


class Recorder:
    """Puts records in one call's chain, in order."""

    def __init__(self, context: LiveContext, call_id: str) -> None:
        self._context = context
        self._call_id = call_id
        self._waiting: list[dict[str, Any]] = []

    def add(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Record something with the next flush."""
        self._waiting.append({"kind": kind, "at": self._context.now(), **facts})

    def put(self, record: Mapping[str, Any]) -> None:
        """Record what has its `kind` already."""
        self._waiting.append({"at": self._context.now(), **record})

    async def flush(self) -> None:
        """Write the waiting records in one transaction; they stay for the next try when the store refuses."""
        records, self._waiting = self._waiting, []
        if not records:
            return
        try:
            await self._context.store.calls.append(self._call_id, records)
        except StoreError as error:
            self._context.metrics.store_errors.inc()
            log.warning("records are not written yet", call_id=self._call_id, count=len(records), **described(error))
            self._waiting = records + self._waiting
