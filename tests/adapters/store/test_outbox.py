"""The outbox: what happened is told in order, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from tests.adapters.store.helpers import NOTE, STARTED, url
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.outbox import BACK_OFF_S, CLAIM_S, Message, Tried

CIPHER = Fernet(Fernet.generate_key())
ALL = ["call.started", "call.ended", "verdict.given"]


def run(database: str, use: Callable[[Store, str], Awaitable[Any]], tenant: str = "default") -> Any:
    """What `use` gives on a store with one subscriber."""
    async def go() -> Any:
        async with Store.open(database, CIPHER) as store:
            id_, _ = await store.webhooks.add("https://a.example/", ALL, tenant=tenant, by="ann", now=1.0)
            return await use(store, id_)

    return asyncio.run(go())


async def _call(store: Store, call_id: str, at: float = 100.0) -> None:
    await store.calls.append(call_id, [
        STARTED | {"call_id": call_id, "at": at}, NOTE, {"kind": "ended", "at": at, "reason": "stopped"},
    ])


def _shape(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message.call_id, json.loads(message.body)["type"]) for message in messages]


def test_claim_gives_each_message_to_one_process(database: str) -> None:
    """Records that nobody is told of make none; a claim that is never settled ends by itself."""
    async def use(store: Store, id_: str) -> Any:
        await _call(store, "call-1")
        await _call(store, "call-2")
        return [await store.outbox.claim(id_, now, 10) for now in (99.0, 100.0, 101.0, 100.5 + CLAIM_S)]

    early, first, second, later = run(database, use)

    wanted = [(call, type_) for call in ("call-1", "call-2") for type_ in ("call.started", "call.ended")]
    assert [_shape(part) for part in (early, first, second, later)] == [[], wanted, [], wanted]
    assert json.loads(first[1].body) == {
        "type": "call.ended", "timestamp": "1970-01-01T00:01:40.000+00:00",
        "data": {"call_id": "call-1", "reason": "stopped"},
    }


def test_claim_behind_a_failed_message_waits(database: str) -> None:
    """Of its call; other calls go on."""
    async def use(store: Store, id_: str) -> Any:
        await _call(store, "call-1")
        first, second = await store.outbox.claim(id_, 100.0, 10)
        await store.outbox.settle([Tried(first, 500, "refused"), Tried(second)], 100.0)
        await _call(store, "call-2", 101.0)
        waiting = await store.outbox.claim(id_, 102.0, 10)
        return _shape(waiting), _shape(await store.outbox.claim(id_, 100.0 + BACK_OFF_S[0], 10))

    assert run(database, use) == (
        [("call-2", "call.started"), ("call-2", "call.ended")], [("call-1", "call.started"), ("call-1", "call.ended")],
    )


def test_settle_gives_up_after_the_last_back_off_and_replay_tries_again(database: str) -> None:
    """The dead message no longer holds back its call; it keeps its id."""
    async def use(store: Store, id_: str) -> Any:
        await _call(store, "call-1")
        now, tries, ids = 100.0, 0, set()
        while (claimed := await store.outbox.claim(id_, now, 1)) and claimed[0].body.find("call.started") > 0:
            tries += 1
            ids.add(claimed[0].message_id)
            await store.outbox.settle([Tried(claimed[0], None, "timeout")], now)
            now += BACK_OFF_S[min(tries, len(BACK_OFF_S)) - 1] + 1.0
        newest, dead = await store.outbox.deliveries(id_)
        count = await store.outbox.replay(id_, now)
        again = await store.outbox.claim(id_, now + CLAIM_S, 10)
        ids.add(again[0].message_id)
        return tries, dead["state"], dead["cause"], count, _shape(again), len(ids), newest["state"]

    assert run(database, use) == (
        len(BACK_OFF_S) + 1, "dead", "timeout", 1, [("call-1", "call.started"), ("call-1", "call.ended")], 1, "waiting",
    )


def test_replay_since_sends_what_arrived_once_more(database: str) -> None:
    """Only from that time on."""
    async def use(store: Store, id_: str) -> Any:
        await _call(store, "call-1")
        await _call(store, "call-2", 200.0)
        claimed = await store.outbox.claim(id_, 200.0, 10)
        await store.outbox.settle([Tried(message, 204) for message in claimed], 200.0)
        counts = await store.outbox.counts()
        replayed = await store.outbox.replay(id_, 300.0, since=150.0)
        return counts[id_], replayed, await store.outbox.counts() == {id_: {"delivered": 2, "waiting": 2}}

    assert run(database, use) == ({"delivered": 4}, 2, True)


def test_forget_deletes_what_ended_before(database: str) -> None:
    """What waits stays."""
    async def use(store: Store, id_: str) -> Any:
        await _call(store, "call-1")
        (first,) = await store.outbox.claim(id_, 100.0, 1)
        await store.outbox.settle([Tried(first, 204)], 100.0)
        await store.outbox.forget(101.0)
        return [delivery["type"] for delivery in await store.outbox.deliveries(id_)]

    assert run(database, use) == ["call.ended"]


def test_publish_tells_a_tenant_of_its_own_calls_by_their_own_names(tmp_path: Path) -> None:
    """And nobody of the service's own records."""
    async def use(store: Store, id_: str) -> Any:
        await _call(store, "call-1")
        await _call(store, "brand~call-2")
        return [json.loads(message.body)["data"]["call_id"] for message in await store.outbox.claim(id_, 100.0, 10)]

    assert run(url(tmp_path / "v.db"), use, tenant="brand") == ["call-2", "call-2"]


def test_publish_of_a_verdict_is_in_the_transaction_of_its_record(tmp_path: Path) -> None:
    """A verdict on an unknown call leaves neither."""
    async def use(store: Store, id_: str) -> Any:
        await _call(store, "call-1")
        for call_id in ("call-1", "call-9"):
            await store.labels.add(call_id, "fraud", author="ann", note="", at=101.0)
        return _shape(await store.outbox.claim(id_, 101.0, 10))[2:]

    assert run(url(tmp_path / "v.db"), use) == [("call-1", "verdict.given")]
