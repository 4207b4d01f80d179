"""Retention and legal holds on a real database: what goes, what stays, and that every chain still verifies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.fernet import Fernet

from tests.adapters.store.helpers import ENDED, STARTED, on, rows, sql
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.database import StoreError
from voiceguard.adapters.store.voices import Voices
from voiceguard.events import Voice
from voiceguard.privacy.retention import RetentionOptions

CIPHER = Fernet(Fernet.generate_key())
OPTIONS = RetentionOptions(call_days=10, voiceprint_days=20, consent_days=30)
DAY_S = 86400.0
LATE = 15 * DAY_S


async def _call(store: Store, call_id: str, ref: str = "customer-1") -> None:
    await store.calls.append(call_id, [{**STARTED, "call_id": call_id, "customer_ref": ref}, ENDED])


async def _sweep(store: Store, now: float = LATE) -> dict[str, int]:
    ended: dict[str, int] = {}
    while found := await store.retention.sweep(OPTIONS, now):
        for kind, number in found.items():
            ended[kind] = ended.get(kind, 0) + number
    return ended


async def _faults(store: Store, now: float = LATE) -> list[Any]:
    return (await store.audit.verify(lambda *_: True, now=now)).faults


async def _checkpoint(store: Store, now: float) -> None:
    await store.audit.checkpoint(lambda _: "signed", now)


def test_due_calls_go_and_every_chain_still_verifies(tmp_path: Path) -> None:
    """Records, names and keys are gone; checkpoints from before and after are good."""
    async def use(store: Store) -> Any:
        for number in range(25):
            await _call(store, f"call-{number}", f"customer-{number}")
            await _checkpoint(store, 100.0 + number)
        planned = [(one.kind, one.due, one.held) for one in await store.retention.plan(OPTIONS, LATE)]
        ended = await _sweep(store)
        await _checkpoint(store, LATE)
        return planned, ended, await _faults(store), await store.calls.events("call-3")

    planned, ended, faults, events = on(tmp_path / "db", use, CIPHER)

    assert [("call", 25, 0), ("voiceprint", 0, 0), ("consent", 0, 0)] == planned
    assert ({"call": 25}, [], []) == (ended, faults, events)
    assert [(0,)] == rows(tmp_path / "db", "SELECT count(*) FROM subjects")


def test_young_live_and_held_calls_stay(tmp_path: Path) -> None:
    """A hold on a call, a hold on a customer; released, the call goes with the next sweep."""
    async def use(store: Store) -> Any:
        for call_id, ref in (("held", "a"), ("of-held", "b"), ("due", "c")):
            await _call(store, call_id, ref)
        await store.calls.append("live", [{**STARTED, "call_id": "live"}])
        hold_id = await store.retention.hold(reason="court", author="leg", now=200.0, call_id="held")
        await store.retention.hold(reason="court", author="leg", now=200.0, customer_ref="b")
        first = await _sweep(store)
        left = sorted(call["call_id"] for call in await store.calls.list() if call["end_reason"] != "retention")
        released = await store.retention.release(hold_id, author="leg", now=300.0)
        return first, left, released, await _sweep(store), await store.retention.release("none", author="x", now=1.0)

    first, left, released, second, unknown = on(tmp_path / "db", use, CIPHER)

    assert ({"call": 1}, ["held", "live", "of-held"], True, {"call": 1}, False) == (
        first, left, released, second, unknown
    )


def test_erasure_of_a_held_customer_is_refused_in_one_line(tmp_path: Path) -> None:
    """And works for what remains once the hold is released; a customer without a hold is erased after a sweep."""
    async def use(store: Store) -> Any:
        await _call(store, "call-1", "a")
        hold_id = await store.retention.hold(reason="court", author="leg", now=200.0, customer_ref="a")
        with pytest.raises(StoreError, match="a legal hold keeps this customer"):
            await store.customers.erase("a", author="pri", reason="asked", now=201.0)
        await store.retention.release(hold_id, author="leg", now=202.0)
        return await store.customers.erase("a", author="pri", reason="asked", now=203.0), await _faults(store, 204.0)

    assert (1, []) == on(tmp_path / "db", use, CIPHER)


def test_chain_deleted_by_hand_is_no_sweep(tmp_path: Path) -> None:
    """Who deletes records and forges the proof is found out."""
    async def use(store: Store) -> Any:
        await _call(store, "call-1")
        await _call(store, "call-2")
        await _sweep(store, 161.0 + 10 * DAY_S - 10**6)

    async def look(store: Store) -> Any:
        return [(fault.chain, fault.kind) for fault in await _faults(store, 200.0)]

    on(tmp_path / "db", use, CIPHER)
    sql(
        tmp_path / "db",
        "INSERT INTO swept_chains SELECT chain, count, hash, 'forged' FROM chain_heads WHERE chain = 'call-1'",
        "DELETE FROM audit_events WHERE chain = 'call-1'",
    )

    assert ("call-1", "removed") in on(tmp_path / "db", look, CIPHER)


def test_old_voiceprint_is_erased_with_its_key_and_keeps_its_call(tmp_path: Path) -> None:
    """The call that holds consent and judgement stays as long as the voiceprint's history."""
    async def use(store: Store) -> Any:
        voices = Voices(store.database, "m@1")
        await store.customers.upsert("customer-1")
        await _call(store, "call-1")
        await voices.enrol(
            "customer-1", Voice(np.ones(192, np.float32), 20.0, 8), call_id="call-1", author="ann", now=102.0
        )
        young = await _sweep(store)
        old = await _sweep(store, 25 * DAY_S)
        return young, old, await voices.voiceprint("customer-1"), await _faults(store, 25 * DAY_S)

    young, old, voice, faults = on(tmp_path / "db", use, CIPHER)

    assert ({}, {"voiceprint": 1}, None) == (young, old, voice)
    assert {"unsigned"} >= {fault.kind for fault in faults}


def test_entries_of_the_ledger_that_are_over_go(tmp_path: Path) -> None:
    """A consent in force stays however old it is."""
    words: dict[str, Any] = {"source": "api", "wording": "v", "author": "ann", "now": 1.0, "customer_ref": "customer-1"}

    async def use(store: Store) -> Any:
        await store.consents.give("enrol", **words)
        await store.consents.give("link", expires_at=2.0, **words)
        ended = await _sweep(store, 40 * DAY_S)
        return ended, [entry["purpose"] for entry in await store.consents.list()]

    assert ({"consent": 1}, ["enrol"]) == on(tmp_path / "db", use, CIPHER)
