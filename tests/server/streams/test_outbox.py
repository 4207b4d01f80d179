"""The outbox of a stream, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from voiceguard.server.streams.outbox import OUTBOX, Outbox


def _drained(outbox: Outbox) -> list[Mapping[str, Any]]:
    sent: list[Mapping[str, Any]] = []

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    async def main() -> None:
        task = asyncio.create_task(outbox.drain(send))
        await outbox.emptied()
        task.cancel()

    asyncio.run(main())
    return sent


def test_outbox_keeps_order() -> None:
    """A reader that keeps pace gets everything in order."""
    outbox = Outbox()
    messages: list[dict[str, Any]] = [
        {"type": "started"}, {"type": "risk", "score": 1}, {"type": "decision"}, {"type": "risk", "score": 2},
    ]
    for message in messages:
        outbox.put(message)

    assert _drained(outbox) == messages


def test_outbox_drops_oldest_risk() -> None:
    """A full box gives up its oldest risk messages and keeps every decision."""
    outbox = Outbox()
    outbox.put({"type": "decision", "number": 0})
    for number in range(2 * OUTBOX):
        outbox.put({"type": "risk", "number": number})
    outbox.put({"type": "decision", "number": 1})

    sent = _drained(outbox)

    assert [message["number"] for message in sent if message["type"] == "decision"] == [0, 1]
    assert len(sent) == OUTBOX
    assert sent[-2] == {"type": "risk", "number": 2 * OUTBOX - 1}
    assert not outbox.overflowed


def test_outbox_overflows() -> None:
    """Decisions that nobody reads do not pile up without end."""
    outbox = Outbox()
    for _ in range(2 * OUTBOX + 1):
        outbox.put({"type": "decision"})

    assert outbox.overflowed
