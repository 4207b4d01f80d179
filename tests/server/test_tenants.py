"""Two tenants on one service: neither sees, names, steers or redeems what is the other's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.server.desk import browser, session_token
from tests.server.serving import SCOPES, Served, heard, said, serving, speak, start
from voiceguard.adapters.store.api_keys import KeyTerms
from voiceguard.adapters.store.voices import Listing
from voiceguard.events import Voice
from voiceguard.events.tenants import DEFAULT, kept_name
from voiceguard.server.access.rules import ROUTES

BODIES: dict[str, Any] = {
    "/v1/calls/{call_id}/actions": {"action": "refund"}, "/v1/calls/{call_id}/customer": {"customer_ref": "mallory"},
    "/v1/actions/{action_id}/otp": {"code": "123456"}, "/v1/calls/{call_id}/watchlist": {"reason": "fraud"},
    "/v1/actions/{action_id}/handover": {"verdict": "refuse", "reason": "mine"},
    "/v1/calls/{call_id}/verdict": {"verdict": "fraud"}, "/v1/watchlist/{entry_id}/review": {"days": 3},
    "/v1/calls/{call_id}/watchlist/proposal": {"reason": "fraud"}, "/v1/webhooks/{webhook_id}/replay": {"since": 0.0},
    "/v1/customers/{customer_ref}/totp": {"totp_secret": None},
    "/v1/customers/{customer_ref}/unlock": {"reason": "mine"},
}
"""Of routes that name one thing; a new route without its body here answers 422 and fails the test."""
NAMING = sorted((method, path) for method, path in ROUTES if "{" in path)
LISTS = sorted((method, path) for method, path in ROUTES if method == "GET" and path in (
    "/v1/calls", "/v1/verdicts", "/v1/watchlist", "/v1/keys", "/v1/people", "/v1/customers", "/v1/consents",
))


async def key_of(served: Served, tenant: str, name: str = "") -> str:
    """A key of every scope, of this tenant."""
    return await served.service.store.api_keys.create(
        name or f"key-{tenant}", SCOPES, by="tests", now=1.0, terms=KeyTerms(tenant)
    )


@asynccontextmanager
async def two_tenants(folder: Path, tenant: str, other: str) -> AsyncIterator[tuple[Served, str, str, dict[str, str]]]:
    """A live call of `tenant` with an open step-up, a verdict and an entry of the watch list; keys of both tenants."""
    async with serving(folder) as served:
        own, foreign = await key_of(served, tenant), await key_of(served, other)
        async with served.call("call-1", key=own, tenant=tenant), served.api(own) as api:
            kept = kept_name(tenant, "call-1")
            asked = (await api.post("/v1/calls/call-1/actions", json={"action": "refund"})).json()
            await api.post("/v1/calls/call-1/verdict", json={"verdict": "genuine", "note": "known"})
            entry = await served.service.live.voices.voices.list_voice(
                Voice(np.eye(192, dtype=np.float32)[0], 9.0, 3), Listing("heard before"), call_id=kept, author="ann",
                now=served.service.now(),
            )
            consent = await served.service.store.consents.give(
                "transcript", source="api", wording="v1", author="ann", now=served.service.now(), expires_at=None,
                customer_ref=kept_name(tenant, "customer-1"), call_id=None,
            )
            webhook, _ = await served.service.store.webhooks.add(
                "https://example.com/", ["call.started"], tenant=tenant, by="tests", now=1.0
            )
            yield served, own, foreign, {
                "call_id": "call-1", "action_id": asked["action_id"], "customer_ref": "customer-1", "entry_id": entry,
                "consent_id": consent, "webhook_id": webhook,
            }


@pytest.mark.parametrize(("tenant", "other"), [("brand-a", "brand-b"), (DEFAULT, "brand-b"), ("brand-a", DEFAULT)])
def test_route_of_another_tenant_answers_404(tenant: str, other: str, tmp_path: Path) -> None:
    """Every route that names a call, an action, a customer or an entry, by its own name, its kept one and a forged."""
    async def run() -> dict[tuple[str, str, str], int]:
        found = {}
        async with two_tenants(tmp_path, tenant, other) as (served, _, foreign, names):
            async with served.api(foreign) as api:
                for method, path in NAMING:
                    for how in ("{}", kept_name(tenant, "{}"), tenant + "~{}"):
                        place = path.format(**{name: how.format(value) for name, value in names.items()})
                        answer = await api.request(method, place, json=BODIES.get(path))
                        empty = answer.status_code == 200 and answer.json() == {"voiceprints": []}
                        found[method, path, place] = 404 if empty else answer.status_code
        return found

    assert {404} == set(asyncio.run(run()).values()) - {403}  # 403: what no key may do at all


def test_list_holds_own_tenant_alone(tmp_path: Path) -> None:
    """Calls, verdicts, entries, keys and people: the owner finds them, the other tenant finds nothing of them."""
    async def run() -> tuple[dict[str, str], dict[str, str]]:
        async with two_tenants(tmp_path, "brand-a", "brand-b") as (served, own, foreign, _):
            people = served.service.store.users
            await people.add("amy", ["agent"], setup="x", expires=2.0, by="tests", now=1.0, tenant="brand-a")
            told = []
            for key in (own, foreign):
                async with served.api(key) as api:
                    told.append({path: (await api.request(method, path)).text for method, path in LISTS})
            return told[0], told[1]

    mine, theirs = asyncio.run(run())
    for path, mark in {
        "/v1/calls": "call-1", "/v1/verdicts": "known", "/v1/watchlist": "heard before", "/v1/keys": "key-brand-a",
        "/v1/people": "amy", "/v1/consents": "customer-1", "/v1/customers": "customer-1",
    }.items():
        assert mark in mine[path] and mark not in theirs[path], path
        assert "~" not in mine[path], path


def test_grant_of_another_tenant_is_not_redeemed(tmp_path: Path) -> None:
    """It stays good for its own."""
    async def run() -> list[Any]:
        async with two_tenants(tmp_path, "brand-a", "brand-b") as (served, own, foreign, names):
            code = served.phone.codes[-1]
            async with served.api(own) as api, served.api(foreign) as thief:
                body = {"code": code.code}
                grant = (await api.post(f"/v1/actions/{names['action_id']}/otp", json=body)).json()["grant"]
                answers = [await one.post("/v1/grants/redeem", json={"grant": grant}) for one in (thief, api)]
            return [answers[0].status_code, answers[1].status_code, answers[1].json()["claims"]]

    stolen, redeemed, claims = asyncio.run(run())
    assert (404, 200) == (stolen, redeemed)
    assert ("call-1", "customer-1", "brand-a") == (claims["call_id"], claims["sub"], claims["tenant"])


def test_call_id_of_another_tenant_keeps_no_stream_out(tmp_path: Path) -> None:
    """Both have a call of one name at once, each told by its own, and customers of one name are two people."""
    async def run() -> tuple[Any, ...]:
        async with two_tenants(tmp_path, "brand-a", "brand-b") as (served, own, foreign, _):
            await served.service.store.customers.upsert("brand-b~customer-1")
            async with served.stream(key=foreign) as socket:
                await socket.send(start("call-1"))
                started = await said(socket, "started")
                await speak(socket, 5.0)
                await heard(served, "brand-b~call-1", 5.0)
                risk = await said(socket, "risk")
                async with served.api(foreign) as api:
                    headers = {"Idempotency-Key": "same"}
                    asked = (await api.post(
                        "/v1/calls/call-1/actions", json={"action": "refund"}, headers=headers
                    )).json()
                async with served.api(own) as api:
                    other = (await api.post(
                        "/v1/calls/call-1/actions", json={"action": "refund"}, headers=headers
                    )).json()
                customers = {code.customer_ref for code in served.phone.codes}
                await socket.send(json.dumps({"type": "stop"}))
                stopped = await said(socket, "stopped")
            faults = (await served.service.store.audit.verify(served.service.keys.verify, now=0.0)).faults
            return started, risk, asked, other, customers, stopped, faults

    started, risk, asked, other, customers, stopped, faults = asyncio.run(run())
    assert ["call-1"] * 4 == [one["call_id"] for one in (started, risk, asked, stopped)]
    assert asked["risk"]["call_id"] == "call-1" and asked["action_id"] != other["action_id"]
    assert {"brand-a~customer-1", "brand-b~customer-1"} == customers
    assert [] == faults


def test_idempotency_key_belongs_to_the_key_that_sent_it(tmp_path: Path) -> None:
    """Another key of the same tenant that repeats it asks for an action of its own."""
    async def run() -> tuple[str, str, str]:
        async with two_tenants(tmp_path, "brand-a", "brand-b") as (served, own, _, _names):
            second = await key_of(served, "brand-a", "second")
            told = []
            for key in (own, own, second):
                async with served.api(key) as api:
                    answer = await api.post("/v1/calls/call-1/actions", json={"action": "balance_enquiry"},
                                            headers={"Idempotency-Key": "k"})
                    told.append(answer.json()["action_id"])
            return told[0], told[1], told[2]

    first, again, other = asyncio.run(run())
    assert first == again != other


@pytest.mark.parametrize(("tenant", "sees"), [("brand-a", ["call-1"]), ("brand-b", []), (None, ["brand-a~call-1"])])
def test_live_feed_shows_own_tenant_alone(tenant: str | None, sees: list[str], tmp_path: Path) -> None:
    """To a key and to a person; a person of all tenants sees calls under names that are told apart, and opens them."""
    async def run() -> tuple[list[str], list[str] | None, int]:
        async with two_tenants(tmp_path, "brand-a", "brand-b") as (served, own, foreign, _):
            token = await session_token(served, "sue", ["supervisor"], tenant=tenant)
            cookie = {"Cookie": f"voiceguard={token}", "Origin": served.origin, "Authorization": ""}
            async with served.stream("/v1/live", headers=cookie) as socket:
                person = [call["call_id"] for call in json.loads(await socket.recv())["calls"]]
            machine = None
            if tenant is not None:
                async with served.stream("/v1/live", key={"brand-a": own, "brand-b": foreign}[tenant]) as socket:
                    machine = [call["call_id"] for call in json.loads(await socket.recv())["calls"]]
            async with browser(served, token) as page:
                opened = await page.get(f"/v1/calls/{person[0] if person else 'call-1'}")
            return person, machine, opened.status_code

    person, machine, opened = asyncio.run(run())
    assert sees == person and machine in (sees, None)
    assert opened == (200 if sees else 404)
