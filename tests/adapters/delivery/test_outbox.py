"""The sender of webhooks against a receiver that fails, stalls, lies and comes back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.adapters.delivery.receivers import Receiver, receiving
from tests.adapters.store.helpers import STARTED, url
from voiceguard.adapters.delivery import outbox
from voiceguard.adapters.delivery.outbox import Sender
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.outbox import BACK_OFF_S
from voiceguard.settings import WebhookOptions

LOCAL = WebhookOptions(allowed_hosts=("127.0.0.1",), private_hosts=("127.0.0.1",))
NOW = 1_700_000_000.0
"""In the past, so that what happened then is due by any clock."""


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def on(
    folder: Path, use: Callable[[Store, Sender, Clock, Receiver, str], Awaitable[Any]],
    options: WebhookOptions = LOCAL, now: Callable[[], float] | None = None,
) -> Any:
    """What `use` gives on a store with one subscriber, a sender and the receiver."""
    async def run(receiver: Receiver) -> Any:
        clock = Clock()
        async with Store.open(url(folder / "v.db"), Fernet(Fernet.generate_key())) as store:
            _, secret = await store.webhooks.add(
                receiver.url, ["call.started", "call.ended"], tenant="default", by="ann", now=1.0
            )
            sender = Sender(store, options, now or clock)
            try:
                return await use(store, sender, clock, receiver, secret)
            finally:
                await sender.aclose()

    with receiving() as receiver:
        return asyncio.run(run(receiver))


async def call(store: Store, call_id: str = "call-1") -> None:
    """A call that begins and ends."""
    await store.calls.append(call_id, [
        STARTED | {"call_id": call_id, "at": NOW}, {"kind": "ended", "at": NOW, "reason": "stopped"},
    ])


def seen(receiver: Receiver) -> list[str]:
    """Types of the messages that arrived, in order."""
    return [json.loads(body)["type"] for _, _, body in receiver.received]


async def state(store: Store) -> list[tuple[str, int | None, str | None]]:
    """State, status and cause of every message, oldest first."""
    (webhook,) = await store.webhooks.list()
    found = await store.outbox.deliveries(webhook["webhook_id"])
    return [(one["state"], one["status"], one["cause"]) for one in reversed(found)]


def test_turn_message_is_signed_so_that_the_library_verifies_it(tmp_path: Path) -> None:
    """And no longer when a byte of it is another."""
    async def use(store: Store, sender: Sender, _: Clock, receiver: Receiver, secret: str) -> Any:
        await call(store)
        await sender.turn()
        return secret, receiver.received[0]

    secret, (_, headers, body) = on(tmp_path, use, now=time.time)

    assert Webhook(secret).verify(body, headers)["type"] == "call.started"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"call-1", b"call-2"), headers)


def test_turn_delivers_in_order_and_once(tmp_path: Path) -> None:
    """A second turn finds nothing to do; only fields of the event leave."""
    async def use(store: Store, sender: Sender, _: Clock, receiver: Receiver, __: str) -> Any:
        await call(store)
        await sender.turn()
        await sender.turn()
        return [json.loads(body)["data"] for *_, body in receiver.received], await state(store)

    data, states = on(tmp_path, use)

    assert data == [{"call_id": "call-1"}, {"call_id": "call-1", "reason": "stopped"}]
    assert states == [("delivered", 204, None)] * 2


@pytest.mark.parametrize(("status", "cause"), [(500, "refused"), (400, "refused"), (302, "redirect")])
def test_turn_refused_message_is_tried_again_after_the_back_off(tmp_path: Path, status: int, cause: str) -> None:
    """What follows in its call waits behind it; a redirect is never followed; both tries have the same id."""
    async def use(store: Store, sender: Sender, clock: Clock, receiver: Receiver, _: str) -> Any:
        receiver.before = [status]
        receiver.location = receiver.url.replace("codes", "elsewhere")
        await call(store)
        await sender.turn()
        between = await state(store), seen(receiver)
        await sender.turn()
        clock.now += BACK_OFF_S[0]
        await sender.turn()
        return between, seen(receiver), {path for path, *_ in receiver.received}, [
            headers["webhook-id"] for _, headers, _ in receiver.received
        ]

    between, after, paths, ids = on(tmp_path, use)

    assert between == ([("waiting", status, cause), ("waiting", None, None)], ["call.started"])
    assert after == ["call.started", "call.started", "call.ended"]
    assert paths == {"/codes?tenant=1"}
    assert ids[0] == ids[1] != ids[2]


def test_turn_receiver_that_stalls_ends_in_time_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it did not answer is sent again: at least once."""
    monkeypatch.setattr(outbox, "TIMEOUT_S", 0.3)

    async def use(store: Store, sender: Sender, clock: Clock, receiver: Receiver, _: str) -> Any:
        receiver.release.clear()
        await call(store)
        await sender.turn()
        stalled = await state(store)
        receiver.release.set()
        clock.now += BACK_OFF_S[0]
        await sender.turn()
        return stalled[0][::2], await state(store), seen(receiver)

    stalled, after, arrived = on(tmp_path, use)

    assert stalled == ("waiting", "timeout")
    assert after == [("delivered", 204, None)] * 2
    assert arrived == ["call.started", "call.started", "call.ended"]


@pytest.mark.parametrize("length", ["5", "999999999999"])
def test_turn_answer_that_lies_about_its_length_counts_by_its_status(
    tmp_path: Path, length: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said 200, and what it says besides is never waited for longer than an answer."""
    monkeypatch.setattr(outbox, "TIMEOUT_S", 0.5)

    async def use(store: Store, sender: Sender, _: Clock, receiver: Receiver, __: str) -> Any:
        receiver.status, receiver.length = 200, length
        await call(store)
        await sender.turn()
        return await state(store)

    assert on(tmp_path, use) == [("delivered", 200, None)] * 2


def test_turn_host_that_is_no_longer_allowed_gets_nothing(tmp_path: Path) -> None:
    """Nor does one whose address is not public, unless it is named."""
    async def use(store: Store, sender: Sender, _: Clock, receiver: Receiver, __: str) -> Any:
        await call(store)
        await sender.turn()
        return await state(store), receiver.received

    for number, options in enumerate((WebhookOptions(), WebhookOptions(allowed_hosts=("127.0.0.1",)))):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert on(folder, use, options) == ([("waiting", None, "address_refused"), ("waiting", None, None)], [])


def test_turn_connection_goes_to_the_address_that_was_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is resolved once; the request still names the host."""
    asked: list[str] = []

    def resolve(url: httpx.URL, _: WebhookOptions) -> str:
        asked.append(url.host)
        return "127.0.0.1"

    monkeypatch.setattr(outbox, "resolve", resolve)

    async def use(store: Store, sender: Sender, _: Clock, receiver: Receiver, __: str) -> Any:
        (webhook,) = await store.webhooks.list()
        await store.webhooks.remove(webhook["webhook_id"], by="ann", now=1.0)
        named = receiver.url.replace("127.0.0.1", "hooks.invalid")
        await store.webhooks.add(named, ["call.started"], tenant="default", by="ann", now=1.0)
        await call(store)
        await sender.turn()
        return receiver.received[0][1]["Host"].partition(":")[0]

    options = WebhookOptions(allowed_hosts=("hooks.invalid",), private_hosts=("hooks.invalid",))
    assert on(tmp_path, use, options) == "hooks.invalid"
    assert asked == ["hooks.invalid"]


def test_turn_receiver_that_is_down_leaves_another_alone(tmp_path: Path) -> None:
    """Each subscriber has its own queue."""
    async def use(store: Store, sender: Sender, _clock: Clock, receiver: Receiver, _secret: str) -> Any:
        await store.webhooks.add(
            "http://127.0.0.1:9/down", ["call.started"], tenant="default", by="ann", now=0.5
        )
        for number in range(20):
            await call(store, f"call-{number}")
        for _ in range(50):  # a slow machine does not get through in one turn
            await sender.turn()
            counts = await store.outbox.counts()
            down, up = [counts[webhook["webhook_id"]] for webhook in await store.webhooks.list()]
            if "waiting" not in up:
                break
        return down, up, len(receiver.received)

    assert on(tmp_path, use) == ({"waiting": 20}, {"delivered": 40}, 40)


def test_test_says_what_the_receiver_answered_and_is_on_record(tmp_path: Path) -> None:
    """Once, whatever comes of it; nobody knows another id."""
    async def use(store: Store, sender: Sender, _: Clock, receiver: Receiver, __: str) -> Any:
        (webhook,) = await store.webhooks.list()
        tried = await sender.test(webhook["webhook_id"])
        assert tried is not None
        return tried.state, tried.status, seen(receiver), await sender.test("wh_other"), await state(store)

    assert on(tmp_path, use) == ("delivered", 204, ["webhook.test"], None, [("delivered", 204, None)])


def test_test_that_fails_is_given_up_at_once(tmp_path: Path) -> None:
    """Nobody wants the test of yesterday."""
    async def use(store: Store, sender: Sender, _: Clock, receiver: Receiver, __: str) -> Any:
        receiver.status = 500
        (webhook,) = await store.webhooks.list()
        await sender.test(webhook["webhook_id"])
        return await state(store)

    assert on(tmp_path, use) == [("dead", 500, "refused")]
