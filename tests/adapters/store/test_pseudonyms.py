"""Erasing a customer: nothing of them is left anywhere, and the audit still verifies."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from tests.adapters.store.helpers import TERMS
from tests.server.builders import decided
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.voices import Voices
from voiceguard.events import Decision, Grant, Voice

REF, OTHER = "customer-Ångström-77", "customer-2"
CALLER_ID = "+44 20 7946 0123"
STARTED = {
    "kind": "started", "at": 1.0, "call_id": "call-1", "customer_ref": REF, "metadata": {"caller_id": CALLER_ID},
}


def _with_store(folder: Path, use: Callable[[Store], Awaitable[Any]], *, sealed: bool = True) -> Any:
    async def run() -> Any:
        cipher = Keys.open(folder).cipher if sealed else None
        async with Store.open(f"sqlite+aiosqlite:///{folder / 'voiceguard.db'}", cipher=cipher) as store:
            return await use(store)

    return asyncio.run(run())


async def _known(store: Store) -> None:
    """A customer with a secret, a voiceprint, a heard voice, a verdict's note, and a call with a grant; and another."""
    for ref, call_id in ((REF, "call-1"), (OTHER, "call-2")):
        await store.customers.upsert(ref, totp_secret="JBSWY3DPEHPK3PXP")
        await store.calls.append(call_id, [STARTED | {"call_id": call_id, "customer_ref": ref}])
        await store.decisions.record(
            call_id, decided(Decision.ALLOW, action_id=call_id, grant=_grant(ref, call_id)), at=2.0,
            models={"synthetic": "s@1"}, policy="ab", terms=TERMS,
        )
        voice = Voice(np.eye(1, 192, dtype=np.float32)[0], 9.0, 3)
        await Voices(store.database, "m@1").enrol(ref, voice, call_id=call_id, author="ann", now=3.0)
        await Voices(store.database, "m@1").remember_heard(ref, voice, call_id=call_id, expires=1e12)
        await store.labels.add(call_id, "genuine", author="ann", note=f"it was {ref}", at=4.0)


def _grant(ref: str, call_id: str) -> Any:


    return Grant(f"jti-{call_id}", call_id, ref, "refund", "00", 1000.0)


def _bytes(folder: Path) -> bytes:
    """Everything in the database's files, pages that nobody reads included."""
    return b"".join(path.read_bytes() for path in folder.glob("voiceguard.db*"))


def test_an_erased_customer_is_nowhere_and_the_audit_is_whole(tmp_path: Path) -> None:
    """Neither name nor caller id is left in the database's files; hashes and signatures are what they were."""
    keys = Keys.open(tmp_path)
    _with_store(tmp_path, lambda store: store.customers.upsert(REF))
    assert REF.encode() in _bytes(tmp_path)

    async def erase(store: Store) -> tuple[Any, ...]:
        await _known(store)
        await store.audit.checkpoint(keys.sign, 5.0)
        erased = await store.customers.erase(REF, author="privacy", reason="asked to", now=6.0)
        faults = (await store.audit.verify(keys.verify, now=6.0)).faults
        call, events = await store.calls.find("call-1"), await store.calls.events("call-1")
        return erased, faults, call, events, await store.customers.find(REF), await store.labels.list(call_id="call-1")

    erased, faults, call, events, customer, verdicts = _with_store(tmp_path, erase)
    assert (1, []) == (erased, faults)
    assert (None, None) == (call["customer_ref"], customer)
    assert [("genuine", "")] == [(one["verdict"], one["note"]) for one in verdicts]
    started, decision, verdict, revoked, tombstone = events
    assert ("grant_revoked", "erased") == (revoked["kind"], revoked["reason"])
    assert (None, {}) == (started["customer_ref"], started["metadata"])
    assert (None, "jti-call-1") == (decision["grant"]["customer_ref"], decision["grant"]["jti"])
    assert "verdict" == verdict["kind"]
    assert {"kind": "erased", "at": 6.0, "author": "privacy", "reason": "asked to"} == tombstone
    assert REF.encode() not in _bytes(tmp_path) and CALLER_ID.encode() not in _bytes(tmp_path)


def test_other_customers_stay(tmp_path: Path) -> None:
    """With all that is known of them."""
    async def erase(store: Store) -> tuple[Any, ...]:
        await _known(store)
        await store.customers.erase(REF, author="privacy", reason="asked to", now=6.0)
        return (
            await store.calls.find("call-2"), (await store.calls.events("call-2"))[0],
            await store.customers.find(OTHER),
            await Voices(store.database, "m@1").voiceprint(OTHER), await store.labels.list(call_id="call-2"),
        )

    call, started, customer, voice, verdicts = _with_store(tmp_path, erase)
    assert OTHER == call["customer_ref"] == started["customer_ref"]
    assert {"caller_id": CALLER_ID} == started["metadata"]
    assert customer.totp_secret and voice is not None and [f"it was {OTHER}"] == [one["note"] for one in verdicts]


def test_records_never_hold_a_customers_name(tmp_path: Path) -> None:
    """Not even before anybody is erased; the name stands in the tables of customers alone."""
    _with_store(tmp_path, _known)
    with closing(sqlite3.connect(tmp_path / "voiceguard.db")) as connection:
        records = b"\n".join(row[0] for row in connection.execute("SELECT record FROM audit_events"))
        refs = {row[0] for row in connection.execute("SELECT customer_ref FROM calls")}

    assert b"customer-" not in records and CALLER_ID.encode() not in records
    assert 2 == len(refs) and all(ref.startswith("subject:") for ref in refs)


def test_nobody_cannot_be_erased(tmp_path: Path) -> None:
    """Nor anybody twice; who has only called can be, and who has never called too."""
    async def erase(store: Store) -> list[int | None]:
        await store.calls.append("call-1", [STARTED])
        await store.calls.append("call-3", [STARTED | {"call_id": "call-3", "customer_ref": None}])
        await store.customers.upsert(OTHER)
        return [
            await store.customers.erase(ref, author="privacy", reason="asked to", now=6.0)
            for ref in (REF, REF, OTHER, "stranger")
        ]

    assert [1, None, 0, None] == _with_store(tmp_path, erase)


def test_a_store_without_a_cipher_keeps_no_words(tmp_path: Path) -> None:
    """It could not seal them."""
    async def keep(store: Store) -> list[Any]:
        await store.calls.append("call-1", [STARTED])
        await store.calls.append("call-3", [STARTED | {"call_id": "call-3", "customer_ref": None}])
        return [(await store.calls.events(call_id))[0] for call_id in ("call-1", "call-3")]

    named, nobodys = _with_store(tmp_path, keep, sealed=False)
    assert (REF, {}) == (named["customer_ref"], named["metadata"])
    assert (None, {}) == (nobodys["customer_ref"], nobodys["metadata"])


def test_records_from_before_keep_their_names(tmp_path: Path) -> None:
    """A chain cannot be rewritten; what was recorded under the customer's own name is shown so."""
    _with_store(tmp_path, _known)
    with closing(sqlite3.connect(tmp_path / "voiceguard.db")) as connection:
        connection.execute("UPDATE calls SET customer_ref = 'old' WHERE call_id = 'call-2'")
        connection.commit()

    assert "old" == _with_store(tmp_path, lambda store: store.calls.find("call-2"))["customer_ref"]
