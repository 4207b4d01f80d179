"""What is on record of a call whose process ended, for the stream with which it goes on, and its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voiceguard.adapters.store import Store
from voiceguard.events import ActionState, EarlierStream

_LOST = {"code": "call_lost", "text": "The call was lost before the code was entered."}


@dataclass(frozen=True)
class RecordedCall:
    """A call as its records left it."""

    customer_ref: str | None
    owner: str | None
    """Protocol and key of its stream; None in records from before it was recorded."""
    earlier: EarlierStream


async def read_recorded(store: Store, call_id: str, since: float) -> RecordedCall | None:
    """The call as its records left it; None for one without a record since then (Unix seconds). Raises StoreError."""
    call = await store.calls.find(call_id)
    if call is None:
        return None
    records = await store.calls.events(call_id)
    if not records or records[-1]["at"] < since:
        return None
    owner = next((record.get("owner") for record in reversed(records) if record["kind"] == "started"), None)
    return RecordedCall(call["customer_ref"], owner, earlier_of(records))


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


async def end_lost(store: Store, call_id: str, now: float) -> None:
    """End a call whose process died, once, however many workers do so: challenges lapse, handovers are abandoned.

    Raises StoreError.
    """
    is_written = False
    while not is_written:
        records = await store.calls.events(call_id)
        bounds = [record["kind"] for record in records if record["kind"] in ("started", "ended")]
        if bounds[-1:] != ["started"]:
            return
        end = [*_ending(records, now), {"kind": "ended", "at": now, "reason": "lost"}]
        is_written = await store.calls.append(call_id, end, after=len(records))


def _ending(records: Sequence[Mapping[str, Any]], now: float) -> list[dict[str, Any]]:
    ending: list[dict[str, Any]] = [{
        **record, "at": now, "state": ActionState.LAPSED.value, "rule": "call_lost", "reasons": [_LOST],
        "challenge": None, "person": None,
    } for record in open_challenges(records)]
    return ending + [
        {"kind": "handover_ended", "at": now, "action_id": action_id, "outcome": "abandoned", "taken_by": [],
         "approved_by": []}
        for action_id in open_handovers(records)
    ]


def open_challenges(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The latest decisions on actions whose code was awaited."""
    latest = {record["action_id"]: record for record in records if record["kind"] == "decision"}
    return [record for record in latest.values() if record["state"] == ActionState.CHALLENGED]


def open_handovers(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The actions that were in people's hands, in the order in which they were offered."""
    opened = dict.fromkeys(record["action_id"] for record in records if record["kind"] == "handover_offered")
    for record in records:
        if record["kind"] == "handover_ended":
            opened.pop(record["action_id"], None)
    return list(opened)
