"""Guessing one-time codes, against a running service: over calls, and while the customer is locked out."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx

from tests.server.asking import answer, ask, on
from tests.server.serving import Served, said


def test_wrong_codes_lock_the_customer_out_of_other_calls_too(tmp_path: Path) -> None:
    """The third wrong code denies; a new call of this customer gets no challenge, but a person, who sees why."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[list[Any], dict[str, Any]]:
        async with served.call():
            asked = await ask(api)
            wrong = "000000" if served.phone.codes[-1].code != "000000" else "000001"
            tried = [
                (await api.post(f"/v1/actions/{asked['action_id']}/otp", json={"code": wrong})).json() for _ in range(3)
            ]
        async with served.call("call-2"):
            later = await api.post("/v1/calls/call-2/actions", json={"action": "account_recovery"})
            approved = await answer(served, later.json()["action_id"], "ann")
            redeemed = await api.post("/v1/grants/redeem", json={"grant": approved["grant"]})
        return tried, {**later.json(), "redeemed": redeemed.status_code}

    tried, later = on(tmp_path, use)
    assert [("step_up", 2), ("step_up", 1), ("deny", None)] == [
        (one["decision"], one.get("challenge", {}).get("tries_left")) for one in tried
    ]
    assert ("handover", ["customer_locked", "wrong_codes_in"], 200) == (
        later["decision"], [reason["code"] for reason in later["reasons"]], later["redeemed"]
    )
    assert "call-1" in later["reasons"][1]["text"]


def test_guesses_spread_over_many_calls_are_counted(tmp_path: Path) -> None:
    """One guess a call, all calls challenged before: after three, right and wrong codes get the very same answer."""
    async def use(served: Served, api: httpx.AsyncClient) -> list[tuple[int, dict[str, Any]]]:
        said = []
        async with AsyncExitStack() as stack:
            asked, codes = [], []
            for number in range(1, 7):
                await stack.enter_async_context(served.call(f"call-{number}", seconds=1.0))
                decided = await api.post(f"/v1/calls/call-{number}/actions", json={"action": "account_recovery"})
                asked.append(decided.json()["action_id"])
                codes.append(served.phone.codes[-1].code)
            for number, action_id in enumerate(asked):
                code = codes[number] if number == 5 else f"{(int(codes[number]) + 1) % 10**6:06d}"
                entered = await api.post(f"/v1/actions/{action_id}/otp", json={"code": code})
                said.append((entered.status_code, entered.json()))
        return said

    said = on(tmp_path, use)
    assert ["wrong_code", "wrong_code", "too_many_tries"] == [body["rule"] for _, body in said[:3]]
    same = [{name: body[name] for name in body if name not in ("call_id", "action_id", "risk")} for _, body in said[3:]]
    assert [200] * 6 == [status for status, _ in said]
    assert same[0] == same[1] == same[2]
    assert ("deny", "customer_locked") == (same[0]["decision"], same[0]["rule"])


def test_stray_key_before_the_code_locks_nobody(tmp_path: Path) -> None:
    """A menu choice that comes late, then the code: one keying, and it is allowed."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call() as socket:
            asked = await ask(api)
            for digit in "1" + served.phone.codes[-1].code:
                await socket.send(json.dumps({"type": "dtmf", "digit": digit}))
            decided = await said(socket, "decision", action_id=asked["action_id"], decision="allow")
            customer = await served.service.store.customers.find("customer-1")
            assert customer is not None
            return decided["state"], customer.wrong_in

    assert ("allowed", ()) == on(tmp_path, use)
