"""Words of platforms and people in a call's records: readable until the customer is erased, and then nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store

NAME, CARD = "Erika Musterfrau", "4111 1111 1111 1111"
STARTED = {"kind": "started", "at": 1.0, "call_id": "call-1", "customer_ref": None, "metadata": {"caller": NAME}}
NAMED = {"kind": "customer_named", "at": 2.0, "customer_ref": "customer-1"}
ANSWERED = {
    "kind": "handover_answered", "at": 3.0, "action_id": "a1", "person": "ann", "role": "agent", "verdict": "approve",
    "reason": f"passport of {NAME} seen, paid with {CARD}",
}


def using(folder: Path, use: Callable[[Store], Awaitable[Any]]) -> Any:
    """What `use` gives on a store with a cipher, checkpoints and an audit that is whole."""
    async def run() -> Any:
        keys = Keys.open(folder)
        async with Store.open(f"sqlite+aiosqlite:///{folder / 'voiceguard.db'}", cipher=keys.cipher) as store:
            found = await use(store)
            await store.audit.checkpoint(keys.sign, 90.0)
            assert [] == (await store.audit.verify(keys.verify, now=91.0)).faults
            return found

    return asyncio.run(run())


def kept(folder: Path) -> bytes:
    """Every byte of the database's files."""
    return b"".join(path.read_bytes() for path in folder.glob("voiceguard.db*"))


def test_seal_words_are_readable_and_lie_nowhere_in_clear(tmp_path: Path) -> None:
    """From the first record on, named or not; digits of a card are masked before they are sealed."""
    async def use(store: Store) -> Any:
        await store.calls.append("call-1", [STARTED])
        unnamed = kept(tmp_path)
        await store.calls.append("call-1", [NAMED, ANSWERED])
        return unnamed, await store.calls.events("call-1")

    unnamed, (started, _, answered) = using(tmp_path, use)
    assert {"caller": NAME} == started["metadata"]
    assert answered["reason"].startswith("passport of") and CARD not in answered["reason"]
    for found in (unnamed, kept(tmp_path)):
        assert NAME.encode() not in found and b"Musterfrau" not in found and CARD.encode() not in found


def test_erase_reaches_words_from_before_the_customer_was_named(tmp_path: Path) -> None:
    """Metadata of the start and a person's reason; the chain stays whole, and the key is in no file any more."""
    async def use(store: Store) -> Any:
        await store.customers.upsert("customer-1")
        await store.calls.append("call-1", [STARTED, NAMED])
        await store.calls.append("call-1", [ANSWERED])
        await store.calls.append("call-2", [STARTED | {"call_id": "call-2"}])
        erased = await store.customers.erase(
            "customer-1", author="privacy", reason=f"card {CARD} was stolen", now=4.0
        )
        return erased, await store.calls.events("call-1"), (await store.calls.events("call-2"))[0]

    erased, (started, named, answered, tombstone), other = using(tmp_path, use)
    assert (1, {}, None, "") == (erased, started["metadata"], named["customer_ref"], answered["reason"])
    assert CARD not in tombstone["reason"] and {"caller": NAME} == other["metadata"]
    assert b"customer-1" not in kept(tmp_path)


def test_erase_reaches_a_call_id_that_another_customer_used_again(tmp_path: Path) -> None:
    """The words of the first call go, those of the second stay."""
    again = STARTED | {"at": 50.0, "customer_ref": "customer-2", "metadata": {"caller": "Max"}}

    async def use(store: Store) -> Any:
        ended = {"kind": "ended", "at": 4.0, "reason": "stopped"}
        await store.calls.append("call-1", [STARTED, NAMED, ANSWERED, ended])
        await store.calls.append("call-1", [again])
        erased = await store.customers.erase("customer-1", author="privacy", reason="asked to", now=60.0)
        return erased, await store.calls.events("call-1")

    erased, events = using(tmp_path, use)
    assert 1 == erased
    assert [{}, {"caller": "Max"}] == [one["metadata"] for one in events if one["kind"] == "started"]
