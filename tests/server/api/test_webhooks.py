"""Subscribers over a real port: what happens on a call arrives at them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook

from tests.adapters.delivery.receivers import Receiver, receiving
from tests.server.asking import ask, on
from tests.server.serving import Served
from voiceguard.adapters.store.api_keys import KeyTerms

WEBHOOKS = "/v1/webhooks"
LOCAL = {"webhooks": {"allowed_hosts": ["127.0.0.1"], "private_hosts": ["127.0.0.1"]}}


async def _arrived(receiver: Receiver, type_: str) -> None:
    async with asyncio.timeout(30):
        while True:
            if any(json.loads(body)["type"] == type_ for *_, body in receiver.received):
                return
            await asyncio.sleep(0.05)


def test_call_and_decision_arrive_signed_at_a_subscriber(tmp_path: Path) -> None:
    """In their order, cut down to the fields that were asked for, and on record."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        made = (await api.post(WEBHOOKS, json={
            "url": receiver.url, "events": ["call.started", "decision.made", "call.ended"],
            "fields": ["action", "decision"],
        })).json()
        async with served.call(seconds=10):
            asked = await ask(api)
        await _arrived(receiver, "call.ended")
        (listed,) = (await api.get(WEBHOOKS)).json()["webhooks"]
        deliveries = (await api.get(f"{WEBHOOKS}/{made['webhook_id']}/deliveries")).json()["deliveries"]
        return made["secret"], asked["decision"], listed, deliveries

    with receiving() as receiver:
        secret, decision, listed, deliveries = on(tmp_path, use, **LOCAL)

    bodies = [Webhook(secret).verify(body, headers) for _, headers, body in receiver.received]
    types = [body["type"] for body in bodies]
    assert (types[:2], "call.ended" in types) == (["call.started", "decision.made"], True)
    assert bodies[1]["data"] == {"call_id": "call-1", "action": "account_recovery", "decision": decision}
    assert "secret" not in listed
    assert [one["type"] for one in reversed(deliveries)][:len(types)] == types


def test_subscribe_to_a_host_that_is_not_allowed_is_a_problem(tmp_path: Path) -> None:
    """So are an unknown event and an unknown field."""
    async def use(_: Served, api: httpx.AsyncClient) -> Any:
        ok: dict[str, Any] = {"url": "http://127.0.0.1:9/", "events": ["call.ended"]}
        bad: list[dict[str, Any]] = [
            {"url": "https://evil.example/"}, {"events": ["call.eaten"]}, {"fields": ["customer_ref"]},
        ]
        found = [await api.post(WEBHOOKS, json=ok | change) for change in bad]
        return [(one.status_code, one.json()["code"]) for one in found]

    assert on(tmp_path, use, **LOCAL) == [(422, "bad_webhook")] * 3


def test_webhook_of_another_tenant_is_unknown(tmp_path: Path) -> None:
    """It is neither listed, tested, replayed nor removed; its own tenant does all of them."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        id_ = (await api.post(WEBHOOKS, json={"url": receiver.url, "events": ["call.ended"]})).json()["webhook_id"]
        key = await served.service.store.api_keys.create(
            "brand", ["webhooks"], by="tests", now=1.0, terms=KeyTerms(tenant="brand")
        )
        found = []
        async with served.api(key) as other:
            for client in (other, api):
                count = len((await client.get(WEBHOOKS)).json()["webhooks"])
                test = await client.post(f"{WEBHOOKS}/{id_}/test")
                replay = await client.post(f"{WEBHOOKS}/{id_}/replay", json={})
                gone = await client.delete(f"{WEBHOOKS}/{id_}")
                found.append((count, test.status_code, replay.status_code, gone.status_code))
        return found

    with receiving() as receiver:
        assert on(tmp_path, use, **LOCAL) == [(0, 404, 404, 404), (1, 200, 200, 204)]
        assert [json.loads(body)["type"] for *_, body in receiver.received] == ["webhook.test"]
