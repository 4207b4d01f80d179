"""The consent ledger on a real database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.fernet import Fernet

from tests.adapters.store.helpers import MODELS, POLICY, STARTED, STEP_UP, TERMS, on, url
from voiceguard.adapters.store import Store, consents
from voiceguard.adapters.store.database import StoreError
from voiceguard.adapters.store.voices import Voices
from voiceguard.errors import ConfigurationError
from voiceguard.events import Voice
from voiceguard.privacy.consent import Standing

CIPHER = Fernet(Fernet.generate_key())
WORDS: dict[str, Any] = {"source": "api", "wording": "v3", "author": "ann"}


def _said(purpose: str = "voice_analysis", at: float = 101.0) -> dict[str, Any]:
    return {"at": at, **consents.given(purpose, source="stream", wording="v1", author="caller")}


def test_consent_of_a_stream_is_in_the_ledger(tmp_path: Path) -> None:
    """What the chain says, the table says: customer, purpose, source and words."""
    async def use(store: Store) -> Any:
        await store.calls.append("call-1", [STARTED, _said()])
        return await store.consents.list(customer_ref="customer-1")

    (entry,) = on(tmp_path / "db", use, CIPHER)

    assert ("call-1", "customer-1", "voice_analysis", "stream", "v1", None) == tuple(
        entry[name] for name in ("call_id", "customer_ref", "purpose", "source", "wording", "withdrawn_at")
    )


def test_decision_names_the_consent_that_it_rested_on(tmp_path: Path) -> None:
    """In its record and receipt; one that was withdrawn before is not named."""
    async def use(store: Store) -> Any:
        await store.calls.append("call-1", [STARTED, _said(), _said("transcript")])
        await store.consents.withdraw(
            "transcript", source="api", author="ann", reason="asked", now=102.0, call_id="call-1"
        )
        await store.decisions.record("call-1", STEP_UP, at=103.0, models=MODELS, policy=POLICY, terms=TERMS)
        (entry,) = [one for one in await store.consents.list(call_id="call-1") if one["purpose"] == "voice_analysis"]
        return entry, await store.calls.receipts("call-1")

    entry, (receipt,) = on(tmp_path / "db", use, CIPHER)

    assert [{"purpose": "voice_analysis", "consent_id": entry["consent_id"]}] == receipt["data"]["consents"]


def test_withdrawn_enrolment_erases_voice_and_key_at_once(tmp_path: Path) -> None:
    """In the same transaction; the history stays, and the chain is whole."""
    async def use(store: Store) -> Any:
        voices = Voices(store.database, "m@1")
        await store.customers.upsert("customer-1")
        await store.calls.append("call-1", [STARTED, _said("enrol")])
        await voices.enrol(
            "customer-1", Voice(np.ones(192, np.float32), 20.0, 8), call_id="call-1", author="ann", now=102.0
        )
        await store.consents.withdraw(
            "enrol", source="desk", author="pri", reason="asked", now=103.0, customer_ref="customer-1"
        )
        (history,) = await voices.voiceprint_history("customer-1")
        faults = (await store.audit.verify(lambda *_: True, now=104.0)).faults
        return await voices.voiceprint("customer-1"), history["end_reason"], faults, await store.consents.list()

    voice, reason, faults, (entry,) = on(tmp_path / "db", use, CIPHER)

    assert (None, "consent withdrawn", []) == (voice, reason, faults)
    assert (103.0, "pri") == (entry["withdrawn_at"], entry["withdrawn_by"])


def test_objection_without_a_consent_is_an_entry(tmp_path: Path) -> None:
    """Who never agreed may object; the customer's next calls know it."""
    async def use(store: Store) -> Any:
        await store.consents.withdraw(
            "voice_analysis", source="api", author="ann", reason="asked", now=1.0, customer_ref="customer-1"
        )
        return await store.consents.standing("customer-1", "call-9", 2.0), await store.consents.moved_since(1.0)

    stands, moved = on(tmp_path / "db", use, CIPHER)

    assert Standing({}, {"voice_analysis": 1.0}) == stands
    assert [(None, "customer-1")] == [(call_id, ref) for _, call_id, ref in moved]


def test_consent_of_a_call_becomes_the_customer_s_when_named(tmp_path: Path) -> None:
    """The ledger is found by the customer whom the call named later."""
    async def use(store: Store) -> Any:
        await store.calls.append("call-1", [{**STARTED, "customer_ref": None}, _said("enrol")])
        await store.calls.append("call-1", [{"kind": "customer_named", "at": 102.0, "customer_ref": "customer-1"}])
        return await store.consents.standing("customer-1", None, 103.0)

    assert {"enrol"} == set(on(tmp_path / "db", use, CIPHER).given)


def test_unknown_purpose_and_unknown_call_are_one_line_each(tmp_path: Path) -> None:
    """And change nothing."""
    async def use(store: Store) -> Any:
        with pytest.raises(ConfigurationError, match="unknown purpose"):
            await store.consents.give("marketing", now=1.0, customer_ref="customer-1", **WORDS)
        with pytest.raises(StoreError, match="this call is unknown"):
            await store.consents.give("enrol", now=1.0, call_id="nobody", **WORDS)
        return await store.consents.list()

    assert [] == on(tmp_path / "db", use, CIPHER)


def test_withdrawal_is_of_one_customer(tmp_path: Path) -> None:
    """Another customer's consent stays in force."""
    async def use(store: Store) -> Any:
        for ref in ("customer-1", "customer-2"):
            await store.consents.give("enrol", now=1.0, customer_ref=ref, **WORDS)
        await store.consents.withdraw(
            "enrol", source="api", author="ann", reason="asked", now=2.0, customer_ref="customer-1"
        )
        return [(await store.consents.standing(ref, None, 3.0)).given.keys() for ref in ("customer-1", "customer-2")]

    assert [set(), {"enrol"}] == on(tmp_path / "db", use, CIPHER)


def test_erased_customer_s_entries_name_nobody(tmp_path: Path) -> None:
    """The proof that somebody agreed stays, under a name that means nothing."""
    async def run() -> Any:
        async with Store.open(url(tmp_path / "db"), CIPHER) as store:
            await store.consents.give("enrol", now=1.0, customer_ref="customer-1", **WORDS)
            await store.customers.erase("customer-1", author="pri", reason="asked", now=2.0)
            return await store.consents.list(), await store.consents.standing("customer-1", None, 3.0)

    (entry,), stands = asyncio.run(run())

    assert (None, "enrol", Standing()) == (entry["customer_ref"], entry["purpose"], stands)
