"""Grants die with what they rested on, are compared with what is done by them, and never reach a person."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.asking import allowed, on
from tests.server.desk import browser, session_token
from tests.server.serving import SCOPES, Served, serving
from voiceguard.adapters.store.api_keys import KeyTerms
from voiceguard.server.access.rules import ROUTES


async def redeemed(api: httpx.AsyncClient, grant: str, **more: Any) -> tuple[int, str | None]:
    """Status and problem of a redemption."""
    answer = await api.post("/v1/grants/redeem", json={"grant": grant, **more})
    return answer.status_code, answer.json().get("code")


@pytest.mark.parametrize("what", ["locked", "erased"])
def test_grant_dies_with_its_customer(what: str, tmp_path: Path) -> None:
    """A customer who is locked out by another call, or erased, between the grant and its redemption."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        store = served.service.store
        async with served.call():
            grant = (await allowed(served, api))["grant"]
            if what == "erased":
                await store.customers.erase("customer-1", author="ann", reason="asked", now=served.service.now())
            else:
                async with served.call("call-2"):
                    asked = (await api.post("/v1/calls/call-2/actions", json={"action": "refund"})).json()
                    right = served.phone.codes[-1].code
                    wrong = "000000" if right != "000000" else "111111"
                    for _ in range(3):
                        await api.post(f"/v1/actions/{asked['action_id']}/otp", json={"code": wrong})
            told = await redeemed(api, grant)
        assert "grant_revoked" in [one["kind"] for one in await store.calls.events("call-1")]
        return told, (await store.audit.verify(served.service.keys.verify, now=0.0)).faults

    assert ((409, "grant_spent"), []) == on(tmp_path, use)


def test_other_parameters_spend_nothing(tmp_path: Path) -> None:
    """A grant for one sum is none for another, and stays good for its own; no parameters are compared by the asker."""
    async def use(served: Served, api: httpx.AsyncClient) -> list[Any]:
        async with served.call():
            for name, wanted in (("amount", "10.00"), ("größe ", "\u2028")):
                body = {"action": "refund", "parameters": {name: wanted, "to": "x"}}
                asked = (await api.post("/v1/calls/call-1/actions", json=body)).json()
                code = {"code": served.phone.codes[-1].code}
                grant = (await api.post(f"/v1/actions/{asked['action_id']}/otp", json=code)).json()["grant"]
                for given in ({}, {name: wanted}, {name: wanted + "0", "to": "x"}, {name: wanted, "to": "x", "y": ""}):
                    assert (409, "other_parameters") == await redeemed(api, grant, parameters=given)
            return [await redeemed(api, grant, parameters={"to": "x", name: wanted}), await redeemed(api, grant)]

    assert [(200, None), (409, "grant_spent")] == on(tmp_path, use)


def test_redemption_races_a_revocation(tmp_path: Path) -> None:
    """Whichever comes first: never both, and the record says which."""
    async def run() -> tuple[int, int, list[str], list[Any]]:
        async with serving(tmp_path) as served, served.api() as api:
            decisions, now = served.service.store.decisions, time.time()
            async with served.call():
                grant = (await allowed(served, api))["grant"]
                claims = served.service.keys.verify_grant(grant)
                tasks = [redeemed(api, grant) for _ in range(10)]
                revoked = asyncio.gather(*(decisions.revoke_grants([claims["jti"]], "risk_high", now)
                                           for _ in range(3)))
                answers = await asyncio.gather(*tasks)
                gone = sum(await revoked)
            records = [one["kind"] for one in await served.service.store.calls.events("call-1")]
            faults = (await served.service.store.audit.verify(served.service.keys.verify, now=0.0)).faults
            return [status for status, _ in answers].count(200), gone, records, faults

    spent, gone, records, faults = asyncio.run(run())
    assert 1 == spent + gone == records.count("grant_redeemed") + records.count("grant_revoked")
    assert [] == faults


@pytest.mark.parametrize("as_key", [False, True])
def test_no_route_gives_a_person_a_grant(as_key: bool, tmp_path: Path) -> None:
    """Over every route that people may use, with an action that a person approves and one that a code allowed: neither
    a browser nor a person's own key is told the grant, whatever is asked, again or anew."""
    async def run() -> tuple[set[str], set[str]]:
        told, grants = set(), set()
        async with serving(tmp_path) as served, served.api() as api:
            async with served.call():
                grants.add((await allowed(served, api))["grant"])
                token = await session_token(served, "sue", ["supervisor", "agent", "analyst", "auditor"])
                key = await served.service.store.api_keys.create(
                    "sue's", set(SCOPES) - {"grants"}, by="tests", now=1.0, terms=KeyTerms(owner="sue")
                )
                async with served.api(key) if as_key else browser(served, token) as page:
                    for action in ("mfa_reset", "balance_enquiry"):
                        asked = (await api.post("/v1/calls/call-1/actions", json={"action": action})).json()
                        names = {"call_id": "call-1", "action_id": asked["action_id"], "customer_ref": "customer-1",
                                 "entry_id": "x", "consent_id": "x", "webhook_id": "x"}
                        for code in served.phone.codes[-1:] if action == "mfa_reset" else ():
                            await api.post(f"/v1/actions/{asked['action_id']}/otp", json={"code": code.code})
                        told |= await everything(page, names)
                    handed = served.service.registry.calls["call-1"].decisions.told
                    grants |= {body["grant"] for body in handed.values() if "grant" in body}
        return told, grants

    told, grants = asyncio.run(run())
    assert len(grants) >= 2
    assert not [text for text in told if any(grant in text for grant in grants) or '"grant":' in text]


async def everything(page: httpx.AsyncClient, names: dict[str, str]) -> set[str]:
    """What every route says to a person who asks."""
    bodies: dict[str, list[Any]] = {
        "/v1/calls/{call_id}/actions": [{"action": "balance_enquiry"}, {"action": "mfa_reset"}],
        "/v1/actions/{action_id}/handover": [
            {"verdict": verdict, "reason": "known"} for verdict in ("accept", "approve", "approve")
        ],
        "/v1/calls/{call_id}/verdict": [{"verdict": "genuine"}],
    }
    told = set()
    for method, path in ROUTES:
        if method == "WS" or path in ("/v1/session", "/v1/grants/redeem", "/openapi.json"):  # that names fields
            continue
        for body in bodies.get(path, [None]):
            answer = await page.request(method, path.format(**names), json=body)
            told.add(answer.text)
    return told
