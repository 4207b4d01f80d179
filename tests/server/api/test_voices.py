"""Voices across calls over a real port: enrol, refuse, look at, erase; list, find again, review, take off; link."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from tests.server.serving import Served, Voice, serving
from voiceguard.settings import LinkingOptions

ENROL = "/v1/calls/call-1/voiceprint"
LIST = "/v1/calls/call-1/watchlist"
CONSENT = ["voice_analysis", "enrol"]


def on(folder: Path, use: Callable[[Served, httpx.AsyncClient], Awaitable[Any]], **options: Any) -> Any:
    async def run() -> Any:
        async with serving(folder, **options) as served, served.api() as api:
            return await use(served, api)

    return asyncio.run(run())


async def kinds(served: Served, call_id: str = "call-1") -> list[str]:
    return [record["kind"] for record in await served.service.store.calls.events(call_id)]


def test_a_live_caller_is_enrolled_and_known_on_the_next_call(tmp_path: Path) -> None:
    """With the consent that the call carries; the next call is compared with it, the audit says who enrolled."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call(seconds=38, consent=CONSENT):
            answer = await api.post(ENROL)
        async with served.call("call-2", seconds=20):
            risk = (await api.get("/v1/calls/call-2")).json()["risk"]
        history = (await api.get("/v1/customers/customer-1/voiceprints")).json()["voiceprints"]
        return answer, risk, history, await served.service.store.calls.events("call-1")

    answer, risk, (print_,), events = on(tmp_path, use)
    assert (201, print_["voiceprint_id"]) == (answer.status_code, answer.json()["voiceprint_id"])
    assert "everybody" == print_["author"]
    assert "embedding" not in print_
    assert "voiceprint" in [item["source"] for item in risk["evidence"]]
    (taken,) = [event for event in events if event["kind"] == "voice_taken"]
    assert ("enrol", "everybody", []) == (taken["purpose"], taken["author"], taken["refusals"])


def test_a_refusal_says_why_and_is_on_record(tmp_path: Path) -> None:
    """No consent and too little speech: nothing is kept."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call(seconds=10):
            answer = await api.post(ENROL)
        history = (await api.get("/v1/customers/customer-1/voiceprints")).json()["voiceprints"]
        return answer, history, await served.service.store.calls.events("call-1")

    answer, history, events = on(tmp_path, use)
    assert (409, "voice_refused", []) == (answer.status_code, answer.json()["code"], history)
    assert "consent" in answer.json()["detail"]
    (taken,) = [event for event in events if event["kind"] == "voice_taken"]
    assert ["no_consent", "insufficient_speech", "not_judged"] == taken["refusals"]


def test_a_synthetic_voice_is_not_enrolled(tmp_path: Path) -> None:
    """Whatever the caller agreed to."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call(seconds=38, consent=CONSENT):
            return await api.post(ENROL)

    answer = on(tmp_path, use, voice=Voice(llr=2.0))
    assert 409 == answer.status_code
    assert "synthetic" in answer.json()["detail"]


def test_nobody_is_enrolled_on_a_call_without_customer(tmp_path: Path) -> None:
    """There is nobody whose voice it could be."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call(seconds=38, consent=CONSENT, customer_ref=None):
            return await api.post(ENROL)

    answer = on(tmp_path, use)
    assert (409, "no_customer") == (answer.status_code, answer.json()["code"])


def test_a_voice_can_be_erased(tmp_path: Path) -> None:
    """The next call is compared with nothing; a second time there is nothing to erase."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call(seconds=38, consent=CONSENT):
            await api.post(ENROL)
        erased = [
            (await api.delete("/v1/customers/customer-1/voiceprint", params={"reason": "asked"})).status_code
            for _ in range(2)
        ]
        async with served.call("call-2", seconds=20):
            risk = (await api.get("/v1/calls/call-2")).json()["risk"]
        return erased, risk

    erased, risk = on(tmp_path, use)
    assert [204, 404] == erased
    assert "voiceprint" not in [item["source"] for item in risk["evidence"]]


def test_a_listed_voice_is_found_on_the_next_call(tmp_path: Path) -> None:
    """Put there from a live call; on the next its entry is named in the audit, and recovery is handed over."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call():
            listed = await api.post(LIST, json={"reason": "seen in case 12"})
        async with served.call("call-2", "customer-2", seconds=20):
            asked = await api.post("/v1/calls/call-2/actions", json={"action": "account_recovery"})
        return listed, asked.json(), await served.service.store.calls.events("call-2")

    listed, asked, events = on(tmp_path, use)
    assert (201, "handover") == (listed.status_code, asked["decision"])
    (match,) = [event for event in events if event["kind"] == "voice_matched"]
    assert ("watchlist", listed.json()["entry_id"]) == (match["source"], match["entry_id"])


def test_the_list_is_kept_by_two(tmp_path: Path) -> None:
    """The author cannot review the entry, another key can; taken off, the voice is found no more."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call():
            entry = (await api.post(LIST, json={"reason": "known"})).json()["entry_id"]
        other = await served.service.store.api_keys.create("other", ["watchlist"], by="tests", now=1.0)
        async with served.api(other) as second:
            place = f"/v1/watchlist/{entry}"
            codes = [
                (await who.post(f"{place}/review", json={"days": 60})).status_code for who in (api, second)
            ]
            codes += [(await second.delete(place, params={"reason": "mistaken"})).status_code for _ in range(2)]
            (history,) = (await second.get("/v1/watchlist")).json()["entries"]
        async with served.call("call-2", "customer-2", seconds=20):
            pass
        return codes, history, await kinds(served, "call-2")

    codes, history, recorded = on(tmp_path, use)
    assert [404, 200, 204, 404] == codes
    assert ("everybody", "other", "mistaken") == (history["author"], history["reviewed_by"], history["end_reason"])
    assert "voice_matched" not in recorded


def test_a_listing_needs_sense(tmp_path: Path) -> None:
    """A reason, and a review before it expires."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        return [
            (await api.post(LIST, json=body)).status_code
            for body in ({}, {"reason": ""}, {"reason": "known", "expires_days": 5, "review_days": 6})
        ]

    assert [422, 422, 422] == on(tmp_path, use)


def test_calls_are_linked_only_where_there_is_a_legal_basis(tmp_path: Path) -> None:
    """The same voice on another customer's call is evidence with one, and nothing is kept without."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        for number, customer in enumerate(("customer-1", "customer-1", "customer-2"), 1):
            async with served.call(f"call-{number}", customer, seconds=20):
                risk = (await api.get(f"/v1/calls/call-{number}")).json()["risk"]
            await served.service.live.voices.refresh(served.service.now())
        return [item["source"] for item in risk["evidence"]], await kinds(served, "call-3")

    linked, recorded = on(tmp_path / "on", use, linking=LinkingOptions(legal_basis="fraud prevention, register no. 7"))
    assert "linked_voice" in linked
    assert "voice_matched" in recorded
    alone, unrecorded = on(tmp_path / "off", use)
    assert "linked_voice" not in alone
    assert "voice_taken" not in unrecorded


def test_one_customers_calls_are_not_linked_with_each_other(tmp_path: Path) -> None:
    """Five calls of the same customer are nobody else's."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        for number in range(1, 4):
            async with served.call(f"call-{number}", seconds=20):
                pass
            await served.service.live.voices.refresh(served.service.now())
        return await kinds(served, "call-3")

    assert "voice_matched" not in on(tmp_path, use, linking=LinkingOptions(legal_basis="fraud prevention"))


def test_the_page_is_told_of_changes_and_matches(tmp_path: Path) -> None:
    """As events of the live feed, with times and without biometrics."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call():
            await api.post(LIST, json={"reason": "known"})
        async with served.call("call-2", "customer-2", seconds=20), served.stream("/v1/live") as feed:
            snapshot = json.loads(await feed.recv())
        return next(call for call in snapshot["calls"] if call["call_id"] == "call-2")["events"]

    (match,) = [event for event in on(tmp_path, use) if event["kind"] == "voice_matched"]
    assert {"kind", "at_s", "source", "entry_id", "llr"} == set(match)
