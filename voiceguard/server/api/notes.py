"""What people write about a call: masked, and screened for orders that are meant for whoever reads it later."""

from __future__ import annotations

import structlog

from voiceguard.events import TextSource
from voiceguard.live.notes import record_of
from voiceguard.server.context import WebContext
from voiceguard.text.heard import flag
from voiceguard.text.pii import mask

log = structlog.get_logger()


async def take_note(service: WebContext, source: TextSource, text: str, call_id: str | None = None) -> str:
    """The text masked. An order in it is counted, and noted in the call that it is about, live or over."""
    call = service.registry.calls.get(call_id) if call_id is not None else None
    flagged = flag(service.reader, source, text, 0.0 if call is None else call.core.heard_s)
    if flagged is not None and call is not None:
        call.journal.note(flagged)
    elif flagged is not None:
        service.metrics.orders.labels(source).inc()
        log.warning("a note holds an order", source=source, rules=flagged.rules)
        record = record_of(flagged)
        if call_id is not None and record is not None and await service.store.calls.find(call_id) is not None:
            await service.store.calls.append(call_id, [{"kind": record[0], "at": service.now(), **record[1]}])
    return mask(text)
