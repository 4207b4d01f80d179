"""Customers over HTTP: added, imported, read, changed, unlocked, removed; and one corrected on a live call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.asking import ask
from tests.server.desk import browser, session_token
from tests.server.serving import Served, serving

SECRET = "JBSWY3DPEHPK3PXP"
CUSTOMER = "/v1/calls/call-1/customer"


def on(folder: Path, use: Callable[[Served, httpx.AsyncClient], Awaitable[Any]]) -> Any:
    """What `use` gives with a service and a client that holds its key."""
    async def run() -> Any:
        async with serving(folder) as served, served.api() as api:
            return await use(served, api)

    return asyncio.run(run())


def test_customer_from_first_to_last(tmp_path: Path) -> None:
    """Added, read without the secret, changed, removed; a second addition changes nothing."""
    async def use(_: Served, api: httpx.AsyncClient) -> list[httpx.Response]:
        one = "/v1/customers/c1"
        return [
            await api.post("/v1/customers", json={"customer_ref": "c1", "totp_secret": SECRET}),
            await api.post("/v1/customers", json={"customer_ref": "c1"}),
            await api.get(one),
            await api.put(one + "/totp", json={"totp_secret": None}),
            await api.get(one),
            await api.post(one + "/unlock", json={"reason": "called back"}),
            await api.delete(one, params={"reason": "closed"}),
            await api.get(one),
            await api.delete(one),
        ]

    answers = on(tmp_path, use)
    assert [201, 409, 200, 204, 200, 204, 204, 404, 404] == [answer.status_code for answer in answers]
    assert "customer_known" == answers[1].json()["code"]
    assert {
        "customer_ref": "c1", "has_authenticator": True, "locked_until": None, "needs_unlock": False,
        "has_voiceprint": False,
    } == answers[2].json() == answers[0].json()
    assert not answers[4].json()["has_authenticator"]
    assert "unknown_customer" == answers[7].json()["code"]


@pytest.mark.parametrize("body", [
    {"customer_ref": "cust 1"}, {"customer_ref": "Zo\u00eb"}, {"customer_ref": "c9", "totp_secret": "abcdefgh"},
    {"customer_ref": "brand~c"}, {},
])
def test_customer_that_no_stream_carries_is_refused(body: dict[str, str], tmp_path: Path) -> None:
    """422, and what was sent is not repeated."""
    async def use(_: Served, api: httpx.AsyncClient) -> httpx.Response:
        return await api.post("/v1/customers", json=body)

    answer = on(tmp_path, use)
    assert 422 == answer.status_code
    assert not any(value in answer.text for value in body.values())


def test_import_adds_new_customers_and_lists_them(tmp_path: Path) -> None:
    """Known ones stay and are named; a list that names one twice is refused whole."""
    async def use(_: Served, api: httpx.AsyncClient) -> list[Any]:
        await api.post("/v1/customers", json={"customer_ref": "c1", "totp_secret": SECRET})
        new = [{"customer_ref": f"c{number}"} for number in range(3)]
        imported = await api.post("/v1/customers/import", json={"customers": new})
        twice = await api.post("/v1/customers/import", json={"customers": [{"customer_ref": "d"}] * 2})
        pages = [(await api.get("/v1/customers", params={"after": after, "limit": 2})).json() for after in ("", "c1")]
        return [imported.json(), twice.status_code, pages]

    imported, twice, pages = on(tmp_path, use)
    assert ({"added": 2, "known": ["c1"]}, 422) == (imported, twice)
    assert [["c0", "c1"], ["c2"]] == [[one["customer_ref"] for one in page["customers"]] for page in pages]
    assert [False, True] == [one["has_authenticator"] for one in pages[0]["customers"]]


def test_unknown_customer_is_told_and_not_named(tmp_path: Path) -> None:
    """A typo of the platform costs nothing: the right reference is taken after it."""
    async def use(served: Served, api: httpx.AsyncClient) -> list[httpx.Response]:
        await served.service.store.customers.upsert("customer-1")
        async with served.call(customer_ref=None):
            return [await api.post(CUSTOMER, json={"customer_ref": ref}) for ref in ("customer-l", "customer-1")]

    wrong, right = on(tmp_path, use)
    assert (404, "unknown_customer", 200) == (wrong.status_code, wrong.json()["code"], right.status_code)


def test_person_corrects_the_customer_on_record(tmp_path: Path) -> None:
    """Open actions are denied, grants are dead, the next action is the right customer's; a machine cannot."""
    async def use(served: Served, api: httpx.AsyncClient) -> list[Any]:
        await served.service.store.customers.upsert("customer-2")
        async with served.call(), browser(served, await session_token(served)) as desk:
            allowed = await ask(api, "refund")
            body = {"code": served.phone.codes[-1].code}
            allowed = (await api.post(f"/v1/actions/{allowed['action_id']}/otp", json=body)).json()
            asked = await ask(api, "refund")
            to = {"customer_ref": "customer-2"}
            answers = [
                await api.post(CUSTOMER, json=to | {"reason": "typo"}), await desk.post(CUSTOMER, json=to),
                await desk.post(CUSTOMER, json=to | {"reason": "read the number again"}),
            ]
            open_one = (await api.get(f"/v1/actions/{asked['action_id']}")).json()
            spent = await api.post("/v1/grants/redeem", json={"grant": allowed["grant"]})
            await ask(api, "refund")
            whose = served.phone.codes[-1].customer_ref
        records = await served.service.store.calls.events("call-1")
        verified = await served.service.store.audit.verify(served.service.keys.verify, now=0.0)
        return [answers, open_one, spent.status_code, whose, records, verified.faults]

    answers, open_one, spent, whose, records, faults = on(tmp_path, use)
    assert [(409, "customer_named"), (422, "reason_needed")] == [(a.status_code, a.json()["code"]) for a in answers[:2]]
    assert 200 == answers[2].status_code
    assert ("deny", "customer_corrected") == (open_one["decision"], open_one["reasons"][0]["code"])
    assert (409, "customer-2", []) == (spent, whose, faults)
    (named,) = [record for record in records if record["kind"] == "customer_named"]
    assert ("customer-2", "ann", "read the number again") == (named["customer_ref"], named["person"], named["reason"])
