"""Over HTTP: who asked does not approve, assistants prepare and people confirm, keys are bound to tiers and fields."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed

from tests.server.asking import on
from tests.server.desk import browser, session_token
from tests.server.serving import Served, Voice, said
from voiceguard.adapters.store.api_keys import KeyTerms
from voiceguard.server.access.rules import ROUTES
from voiceguard.settings import DeskOptions

ACTIONS = "/v1/calls/call-1/actions"


async def key(served: Served, name: str, *scopes: str, **terms: Any) -> httpx.AsyncClient:
    """A client with a key of its own."""
    secret = await served.service.store.api_keys.create(name, scopes, by="tests", now=1.0, terms=KeyTerms(**terms))
    return served.api(secret)


async def answer(page: httpx.AsyncClient, action_id: str, verdict: str) -> tuple[int, str]:
    """Status, and the state or the problem's code."""
    body = {"verdict": verdict, "reason": "seen"}
    said = (await page.post(f"/v1/actions/{action_id}/handover", json=body))
    return said.status_code, said.json().get("state") or said.json()["code"]


def test_person_does_not_approve_own_request(tmp_path: Path) -> None:
    """Neither at the desk nor by a key of the same person, and not in a race of both; another person does."""
    async def use(served: Served, api: httpx.AsyncClient) -> list[Any]:
        async with served.call():
            ann = browser(served, await session_token(served, "ann", ["agent"]))
            bob = browser(served, await session_token(served, "bob", ["agent"]))
            anns = await key(served, "ann-second", "handover", owner="Ann")
            asked = (await ann.post(ACTIONS, json={"action": "mfa_reset"})).json()["action_id"]
            await answer(bob, asked, "accept")
            own = await asyncio.gather(*(answer(one, asked, "approve") for one in (ann, anns) * 5))
            return [set(own), await answer(bob, asked, "approve"),
                    [one["kind"] for one in await recorded(served)].count("own_request")]

    assert [{(409, "own_request")}, (200, "allowed"), 10] == on(tmp_path, use, voice=Voice(2.7))


async def recorded(served: Served) -> list[dict[str, Any]]:
    """The records of call-1 so far."""
    await served.service.registry.calls["call-1"].recorder.flush()
    return await served.service.store.calls.events("call-1")


def test_two_keys_of_one_person_are_one(tmp_path: Path) -> None:
    """Money stays where it is until another person, and one of them a supervisor, has approved."""
    async def use(served: Served, api: httpx.AsyncClient) -> list[tuple[int, str]]:
        async with served.call():
            asked = (await api.post(ACTIONS, json={"action": "payment"})).json()["action_id"]
            first = await key(served, "Ann", "handover")
            second = await key(served, "ann-second", "handover", "supervise", owner="ann")
            bob = await key(served, "bob", "handover")
            sue = await key(served, "sue", "handover", "supervise")
            return [await answer(one, asked, "approve") for one in (first, second, first, bob, sue)]

    told = on(tmp_path, use, voice=Voice(2.7))
    assert [(200, "handed_over")] * 3 + [(200, "allowed"), (409, "not_awaited")] == told


def test_two_agents_move_no_money(tmp_path: Path) -> None:
    """One of two approvers is a supervisor, unless the settings say otherwise."""
    async def use(served: Served, api: httpx.AsyncClient) -> list[tuple[int, str]]:
        async with served.call():
            asked = (await api.post(ACTIONS, json={"action": "payment"})).json()["action_id"]
            people = [browser(served, await session_token(served, name, [role]))
                      for name, role in (("ann", "agent"), ("bob", "agent"), ("sue", "supervisor"))]
            await answer(people[0], asked, "accept")
            return [await answer(one, asked, "approve") for one in people]

    told = on(tmp_path / "a", use, voice=Voice(2.7))
    assert [(200, "handed_over"), (200, "handed_over"), (200, "allowed")] == told
    free = on(tmp_path / "b", use, voice=Voice(2.7), desk=DeskOptions(second_approver={}))
    assert [(200, "handed_over"), (200, "allowed"), (409, "not_awaited")] == free


# ── assistants ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_assistant_prepares_and_a_person_confirms(tmp_path: Path) -> None:
    """It waits at the desk with who prepared it and what is asked for, whatever code comes; then the policy decides,
    and the receipts name both."""
    async def use(served: Served, api: httpx.AsyncClient) -> dict[str, Any]:
        told: dict[str, Any] = {}
        async with served.call() as socket:
            bot = await key(served, "bot", "actions", "screen", kind="assistant")
            ann = browser(served, await session_token(served, "ann", ["agent"]))
            told["asked"] = (await bot.post(ACTIONS, json={"action": "balance_enquiry"})).json()["decision"]
            body = {"action": "refund", "parameters": {"amount": "12.00 EUR", "order": "A-17"}}
            prepared = (await bot.post(ACTIONS, json=body)).json()
            action_id = prepared["action_id"]
            told["prepared"] = prepared["state"], prepared["decision"], prepared["reasons"][0]["code"]
            told["code"] = (await api.post(f"/v1/actions/{action_id}/otp", json={"code": "123456"})).json()["code"]
            for digit in "123456#":
                await socket.send(json.dumps({"type": "dtmf", "channel": "caller", "digit": digit}))
            told["early"] = await answer(ann, action_id, "approve")
            (shown,) = served.service.live.hub.calls["call-1"].handovers
            told["shown"] = shown["prepared_by"], shown["outcome"]
            await answer(ann, action_id, "accept")
            told["context"] = (await ann.get(f"/v1/actions/{action_id}/handover")).json()
            told["confirmed"] = await answer(ann, action_id, "confirm")
            told["again"] = await answer(ann, action_id, "confirm")
            code = {"code": served.phone.codes[-1].code}
            allowed = (await api.post(f"/v1/actions/{action_id}/otp", json=code)).json()
            told["allowed"] = allowed["state"], "grant" in allowed
            told["bot sees"] = "grant" in (await bot.get(f"/v1/actions/{action_id}")).json()
        receipts = (await api.get("/v1/calls/call-1/receipts")).json()["receipts"]
        told["receipt"] = receipts[-1]["prepared_by"], receipts[-1]["confirmed_by"]
        told["faults"] = (await served.service.store.audit.verify(served.service.keys.verify, now=0.0)).faults
        return told

    told = on(tmp_path, use)
    context = told.pop("context")
    assert ({"amount": "12.00 EUR", "order": "A-17"}, "bot") == (context["parameters"], context["prepared_by"])
    assert {
        "asked": "allow", "prepared": ("prepared", "handover", "prepared"), "code": "not_awaited",
        "early": (409, "not_awaited"), "shown": ("bot", None), "confirmed": (200, "challenged"),
        "again": (409, "not_awaited"), "allowed": ("allowed", True), "bot sees": False, "receipt": ("bot", "ann"),
        "faults": [],
    } == told


def test_two_people_confirm_at_once(tmp_path: Path) -> None:
    """One does; one code is sent."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[list[int], int]:
        async with served.call():
            bot = await key(served, "bot", "actions", kind="assistant")
            action_id = (await bot.post(ACTIONS, json={"action": "refund"})).json()["action_id"]
            people = [browser(served, await session_token(served, name, ["agent"])) for name in ("ann", "bob")]
            await answer(people[0], action_id, "accept")
            answers = await asyncio.gather(*(answer(one, action_id, "confirm") for one in people * 4))
            return sorted(status for status, _ in answers), len(served.phone.codes)

    statuses, codes = on(tmp_path, use)
    assert 1 == codes and statuses.count(200) >= 1 and set(statuses) <= {200, 409}


def test_unattended_preparation_is_not_confirmed(tmp_path: Path) -> None:
    """Somebody has to have taken it, as with a handover."""
    clock = [1_800_000_000.0]

    async def use(served: Served, api: httpx.AsyncClient) -> list[tuple[int, str]]:
        async with served.call():
            bot = await key(served, "bot", "actions", kind="assistant")
            action_id = (await bot.post(ACTIONS, json={"action": "refund"})).json()["action_id"]
            clock[0] += 61.0
            ann = await key(served, "ann", "handover")
            return [await answer(ann, action_id, verdict) for verdict in ("confirm", "accept", "confirm")]

    assert [(409, "orphaned"), (200, "prepared"), (200, "challenged")] == on(tmp_path, use, now=lambda: clock[0])


def test_assistant_opens_what_it_may_and_nothing_else(tmp_path: Path) -> None:
    """With every scope there is: it enters no code, answers no handover, redeems nothing, reads nothing, streams
    nothing."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[set[tuple[str, str]], list[int | None]]:
        from tests.server.serving import SCOPES

        terms = KeyTerms(kind="assistant")
        secret = await served.service.store.api_keys.create("bot", SCOPES, by="tests", now=1.0, terms=terms)
        passed, closed = set(), []
        async with served.api(secret) as bot:
            for (method, path), rule in ROUTES.items():
                if method == "WS" or rule.is_open:
                    continue
                place = re.sub(r"{\w+}", "x", path)
                if (await bot.request(method, place, json={})).json().get("code") != "forbidden":
                    passed.add((method, path))
        for path in ("/v1/stream/native", "/v1/live"):
            async with served.stream(path, key=secret) as socket:
                try:
                    while True:
                        await socket.recv()
                except ConnectionClosed:
                    closed.append(socket.close_code)
        return passed, closed

    assert ({
        ("POST", "/v1/calls/{call_id}/actions"), ("GET", "/v1/actions/{action_id}"), ("POST", "/v1/screen"),
    }, [1008, 1008]) == on(tmp_path, use)


# ── tiers and fields ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_key_is_bound_to_its_tiers(tmp_path: Path) -> None:
    """On every route that touches an action, and on the stream; what another key asked for stays out of reach too."""
    async def use(served: Served, api: httpx.AsyncClient) -> list[Any]:
        narrow = ("stream", "actions", "handover", "grants")
        secret = await served.service.store.api_keys.create(
            "ivr", narrow, by="tests", now=1.0, terms=KeyTerms(actions=frozenset({"information", "credentials"}))
        )
        async with served.call("call-1", key=secret) as socket, served.api(secret) as ivr:
            asked = (await api.post(ACTIONS, json={"action": "refund"})).json()["action_id"]
            code = {"code": served.phone.codes[-1].code}
            told = [
                await ivr.post(ACTIONS, json={"action": "refund"}), await ivr.get(f"/v1/actions/{asked}"),
                await ivr.post(f"/v1/actions/{asked}/otp", json=code),
                await ivr.post(f"/v1/actions/{asked}/handover", json={"verdict": "refuse", "reason": "x"}),
                await ivr.get(f"/v1/actions/{asked}/handover"),
            ]
            grant = (await api.post(f"/v1/actions/{asked}/otp", json=code)).json()["grant"]
            told.append(await ivr.post("/v1/grants/redeem", json={"grant": grant}))
            await socket.send(json.dumps({"type": "intent", "action": "refund", "parameters": {}}))
            error = await said(socket, "error")
            await socket.send(json.dumps({"type": "intent", "action": "balance_enquiry", "parameters": {}}))
            decided = await said(socket, "decision")
            own = await ivr.post(ACTIONS, json={"action": "account_recovery"})
        return [{(one.status_code, one.json()["code"]) for one in told}, error["code"], decided["decision"],
                own.json()["decision"]]

    assert [{(403, "action_forbidden")}, "action_forbidden", "allow", "step_up"] == on(tmp_path, use)


def test_role_is_bound_to_its_tiers(tmp_path: Path) -> None:
    """By the settings; whoever has another role besides has that one's tiers too."""
    async def use(served: Served, api: httpx.AsyncClient) -> list[int]:
        statuses = []
        async with served.call():
            for name, roles in (("ann", ["agent"]), ("sue", ["agent", "supervisor"])):
                page = browser(served, await session_token(served, name, roles))
                for action in ("balance_enquiry", "refund"):
                    statuses.append((await page.post(ACTIONS, json={"action": action})).status_code)
        return statuses

    desk = DeskOptions(actions={"agent": ("information",)})
    assert [200, 403, 200, 200] == on(tmp_path, use, desk=desk)


def test_key_is_cut_down_to_named_fields(tmp_path: Path) -> None:
    """In answers at any depth and on the live feed; errors are told whole."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        fields = frozenset({"call_id", "band", "decision"})
        secret = await served.service.store.api_keys.create(
            "narrow", ["calls", "actions", "live"], by="tests", now=1.0, terms=KeyTerms(fields=fields)
        )
        async with served.call(), served.api(secret) as narrow:
            asked = (await narrow.post(ACTIONS, json={"action": "refund"})).json()
            calls = (await narrow.get("/v1/calls")).json()
            missing = (await narrow.get("/v1/calls/none")).json()
            async with served.stream("/v1/live", key=secret) as socket:
                snapshot = json.loads(await socket.recv())
        return asked, calls, missing["code"], snapshot

    asked, calls, missing, snapshot = on(tmp_path, use)
    assert {"call_id": "call-1", "decision": "step_up", "risk": {"call_id": "call-1", "band": "low"}} == asked
    assert {"calls": [{"call_id": "call-1", "actions": [{"decision": "step_up"}]}]} == calls
    assert "unknown_call" == missing
    (call,) = snapshot["calls"]
    assert {"call_id", "risk", "events"} == call.keys() and "customer-1" not in json.dumps(snapshot)
