"""What is on record of a call whose process ended, for the stream with which it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voiceguard.adapters.store import Store
from voiceguard.events import ActionState, EarlierStream


@dataclass(frozen=True)
class RecordedCall:
    """A call as its records left it."""

    customer_ref: str | None
    earlier: EarlierStream


async def read_recorded(store: Store, call_id: str, since: float) -> RecordedCall | None:
    """The call as its records left it; None for one without a record since then (Unix seconds). Raises StoreError."""
    call = await store.calls.find(call_id)
    if call is None:
        return None
    records = await store.calls.events(call_id)
    if not records or records[-1]["at"] < since:
        return None
    return RecordedCall(call["customer_ref"], earlier_of(records))


def earlier_of(records: Sequence[Mapping[str, Any]]) -> EarlierStream:
    """The last recorded risk and the wrong codes in a row, out of a call's records."""
    log_odds_delta, wrong_codes = 0.0, 0
    for record in records:
        if record["kind"] == "risk":
            log_odds_delta = sum(item["contribution"] for item in record["evidence"])
        elif record["kind"] == "decision":
            if record["rule"] == "wrong_code":
                wrong_codes += 1
            elif record["rule"] == "too_many_tries" or record["state"] == ActionState.ALLOWED:
                wrong_codes = 0
    return EarlierStream(log_odds_delta, wrong_codes)
