"""Quotas of keys and tenants: streams at once and actions a minute."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.asking import ACTIONS, ask, on
from tests.server.serving import Served, said, start
from voiceguard.server.quotas import ActionQuotas, TooManyActions
from voiceguard.settings import LimitOptions


def test_used_up_quota_says_when_to_try_again() -> None:
    """Two a minute: the third waits for half a minute, and another key does not wait."""
    quotas = ActionQuotas(LimitOptions(actions_per_minute=2))
    quotas.ask("a", "", 0.0)
    quotas.ask("a", "", 0.0)

    with pytest.raises(TooManyActions, match="2 actions a minute: try again in 30 s"):
        quotas.ask("a", "", 0.0)
    quotas.ask("b", "", 0.0)
    quotas.ask("a", "", 30.0)


def test_tenant_has_a_quota_over_all_its_keys() -> None:
    """A refused action costs the key nothing; other tenants go on."""
    quotas = ActionQuotas(LimitOptions(actions_per_minute=2, tenant_actions_per_minute=1))
    quotas.ask("a", "red", 0.0)

    for _ in range(3):
        with pytest.raises(TooManyActions, match="this tenant may ask for 1 actions"):
            quotas.ask("b", "red", 0.0)
    quotas.ask("b", "blue", 0.0)
    quotas.ask("b", "red", 60.0)


def test_actions_beyond_the_quota_are_refused_over_http_and_on_the_stream(tmp_path: Path) -> None:
    """429 with Retry-After, `error` on the stream; a repeated Idempotency-Key costs nothing, the call goes on."""

    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        async with served.call() as socket:
            once = {"Idempotency-Key": "once"}
            same = [await api.post(ACTIONS, json={"action": "balance_enquiry"}, headers=once) for _ in range(3)]
            await ask(api, "balance_enquiry")
            refused = await api.post(ACTIONS, json={"action": "balance_enquiry"})
            await socket.send(json.dumps({"type": "intent", "action": "balance_enquiry"}))
            told = await said(socket, "error")
            return (
                {answer.json()["decision"] for answer in same}, refused.status_code, refused.json()["code"],
                0 < int(refused.headers["Retry-After"]) <= 30, "try again in" in refused.json()["detail"],
                told["code"], len(served.service.registry.calls["call-1"].requested),
            )

    limits = LimitOptions(actions_per_minute=2)
    assert ({"allow"}, 429, "too_many_actions", True, True, "too_many_actions", 2) == on(tmp_path, use, limits=limits)


def test_one_key_leaves_rooms_to_others(tmp_path: Path) -> None:
    """A key with silent streams is refused with 1013 at three quarters of all calls; another key's call is taken."""

    async def use(served: Served, _: httpx.AsyncClient) -> tuple[Any, ...]:
        other = await served.service.store.api_keys.create("other", ["stream"], by="tests", now=1.0)
        sockets = []
        for number in range(3):
            socket = await served.stream()
            await socket.send(start(f"silent-{number}"))
            await said(socket, "started")
            sockets.append(socket)
        async with served.stream() as one_more, served.stream(key=other) as victim:
            await one_more.send(start("silent-3"))
            refused = await said(one_more, "error")
            await one_more.wait_closed()
            await victim.send(start("victim"))
            taken = await said(victim, "started")
            async with served.stream() as again:
                await again.send(start("silent-0"))
                resumed = await said(again, "started")
            code = one_more.close_code
        for socket in sockets:
            await socket.close()
        return refused["code"], "3 calls at once" in refused["text"], code, taken["call_id"], resumed["call_id"]

    assert ("too_many_streams", True, 1013, "victim", "silent-0") == on(tmp_path, use, max_calls=4)
