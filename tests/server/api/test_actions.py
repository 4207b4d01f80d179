"""Actions, codes and handovers over HTTP, against a running service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from tests.server.asking import ACTIONS, allowed, answer, ask, on
from tests.server.endings import until
from tests.server.serving import Served, Voice, said
from voiceguard.errors import ConfigurationError
from voiceguard.live import call
from voiceguard.server.app import create_app
from voiceguard.settings import Settings

# ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("llr", "customer", "action", "decision", "reason"), [
    (-2.0, "customer-1", "balance_enquiry", "allow", "nothing_against"),
    (-2.0, "customer-1", "refund", "step_up", "code_needed"),
    (2.0, "customer-1", "refund", "handover", "high_risk"),
    (-2.0, "customer-1", "launch", "deny", "unknown_action"),
    (-2.0, None, "refund", "deny", "customer_missing"),
])
def test_decisions(llr: float, customer: Any, action: str, decision: str, reason: str, tmp_path: Path) -> None:
    """Voice, customer and action decide; the answer has the contract's fields and says why."""
    async def use(served: Served, api: httpx.AsyncClient) -> dict[str, Any]:
        async with served.call(customer_ref=customer):
            return await ask(api, action)

    decided = on(tmp_path, use, voice=Voice(llr))
    assert (decision, reason) == (decided["decision"], decided["reasons"][0]["code"])
    assert {"action_id", "reasons", "risk", "decision"} <= decided.keys()
    assert (decision == "step_up") == ("challenge" in decided)
    assert "grant" not in decided  # open actions need none, the others are not allowed yet


CUSTOMER = "/v1/calls/call-1/customer"


def test_customer_is_named_in_the_call(tmp_path: Path) -> None:
    """Where the stream named nobody: denied before, a code after; on record, live, and in what is erased."""
    async def use(served: Served, api: httpx.AsyncClient) -> list[Any]:
        await served.service.store.customers.upsert("customer-1")
        async with served.call(customer_ref=None):
            before = await ask(api, "refund")
            refs = ("customer-1", "customer-1", "other")
            named = [await api.post(CUSTOMER, json={"customer_ref": ref}) for ref in refs]
            after = await allowed(served, api, "refund")
            shown = served.service.live.hub.calls["call-1"].customer_ref
        store = served.service.store
        kept = await store.calls.find("call-1"), (await store.audit.verify(served.service.keys.verify, now=0.0)).faults
        erased = await store.customers.erase("customer-1", author="ann", reason="asked", now=1.0)
        return [before, named, after, shown, kept, erased, await store.calls.find("call-1")]

    before, named, after, shown, (call, faults), erased, forgotten = on(tmp_path, use)
    assert ("deny", "allow") == (before["decision"], after["decision"])
    assert [200, 200, 409] == [answer.status_code for answer in named]
    assert {"call_id": "call-1", "customer_ref": "customer-1"} == named[0].json()
    assert "customer_named" == named[2].json()["code"]
    assert ("customer-1", "customer-1", []) == (shown, call["customer_ref"], faults)
    assert (1, None) == (erased, forgotten["customer_ref"])


@pytest.mark.parametrize(("path", "body", "status"), [
    ("/v1/calls/none/customer", {"customer_ref": "customer-1"}, 404), (CUSTOMER, {"customer_ref": "a b"}, 422),
    (CUSTOMER, {"customer_ref": None}, 422), (CUSTOMER, {}, 422), (CUSTOMER, {"customer_ref": "c", "more": 1}, 422),
])
def test_nobody_is_named(path: str, body: Any, status: int, tmp_path: Path) -> None:
    """By nonsense, or in a call that is not there."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[int, Any]:
        async with served.call(customer_ref=None):
            answer = await api.post(path, json=body)
            return answer.status_code, served.service.registry.calls["call-1"].started.customer_ref

    assert (status, None) == on(tmp_path, use)


def test_nobody_is_named_once_the_call_is_over(tmp_path: Path) -> None:
    """409, as for an action."""
    async def use(served: Served, api: httpx.AsyncClient) -> httpx.Response:
        async with served.call(customer_ref=None):
            pass
        await until(lambda: "call-1" not in served.service.registry.calls)
        return await api.post(CUSTOMER, json={"customer_ref": "customer-1"})

    answer = on(tmp_path, use)
    assert (409, "call_over") == (answer.status_code, answer.json()["code"])


def test_second_detector_is_asked_before_a_sensitive_action(tmp_path: Path) -> None:
    """A voice that fools the running detector meets the second one where it matters, and the answer names it."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[dict[str, Any], dict[str, Any]]:
        async with served.call():
            return await ask(api, "balance_enquiry"), await ask(api, "refund")

    harmless, sensitive = on(tmp_path, use, voice=Voice(llr=-2.0, closer_llr=2.5))

    assert ("allow", "low") == (harmless["decision"], harmless["risk"]["band"])
    assert ("handover", "high_risk") == (sensitive["decision"], sensitive["reasons"][0]["code"])
    contributions = {item["source"]: item["contribution"] for item in sensitive["risk"]["evidence"]}
    assert contributions["synthetic_voice_verify"] > 0.64


def test_policy_that_demands_a_second_detector_needs_one(tmp_path: Path) -> None:
    """The service does not start without what its policy stands on."""
    detectors = Voice().detectors()
    scorers: dict[Any, Any] = {
        task: scorer for task, scorer in detectors.scorers.items() if task != "synthetic_voice_verify"
    }
    detectors = replace(detectors, scorers=scorers)

    with pytest.raises(ConfigurationError, match="verify_model names none"):
        create_app(Settings(data_dir=tmp_path), detectors=detectors)


def test_customer_nobody_knows_is_denied(tmp_path: Path) -> None:
    """A claimed customer who is not in the store is nobody."""
    async def use(served: Served, api: httpx.AsyncClient) -> str:
        async with served.stream() as socket:
            await socket.send(json.dumps({
                "type": "start", "call_id": "call-1", "encoding": "pcmu", "sample_rate": 8000, "channels": ["caller"],
                "customer_ref": "nobody",
            }))
            await said(socket, "started")
            return str((await ask(api, "refund"))["reasons"][0]["code"])

    assert "customer_missing" == on(tmp_path, use)


def test_challenge_is_offered_as_rfc_9470_says(tmp_path: Path) -> None:
    """The header names the error and the assurance that would do."""
    async def use(served: Served, api: httpx.AsyncClient) -> str:
        async with served.call():
            return str((await api.post(ACTIONS, json={"action": "refund"})).headers["www-authenticate"])

    header = on(tmp_path, use)
    assert header.startswith('Bearer error="insufficient_user_authentication"')
    assert 'acr_values="urn:voiceguard:acr:otp"' in header


def test_idempotency_key_repeats_the_answer(tmp_path: Path) -> None:
    """The same key and body ask once and send one code, at the same time or later; another body is refused."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        async with served.call():
            async def post(amount: str) -> httpx.Response:
                body = {"action": "refund", "parameters": {"amount": amount}}
                return await api.post(ACTIONS, json=body, headers={"Idempotency-Key": "k1"})

            same = [*await asyncio.gather(post("5"), post("5")), await post("5")]
            other = await post("6")
            return [one.json() for one in same], len(served.phone.codes), other.status_code, other.json()["code"]

    same, codes, status, code = on(tmp_path, use)
    assert [same[0]] * 3 == same
    assert (1, 422, "idempotency_key_reused") == (codes, status, code)


def test_latest_decision_can_be_looked_up(tmp_path: Path) -> None:
    """For platforms whose stream cannot carry it."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[str, str]:
        async with served.call() as socket:
            asked = await ask(api)
            place = f"/v1/actions/{asked['action_id']}"
            before = (await api.get(place)).json()["decision"]
            for digit in served.phone.codes[-1].code:
                await socket.send(json.dumps({"type": "dtmf", "channel": "caller", "digit": digit}))
            await said(socket, "decision", decision="allow")
            return before, (await api.get(place)).json()["decision"]

    assert ("step_up", "allow") == on(tmp_path, use)


# ── codes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_right_code_allows_with_a_grant(tmp_path: Path) -> None:
    """The code that was delivered opens its action."""
    async def use(served: Served, api: httpx.AsyncClient) -> dict[str, Any]:
        async with served.call():
            return await allowed(served, api)

    decided = on(tmp_path, use)
    assert ("allow", "code_entered") == (decided["decision"], decided["reasons"][0]["code"])
    assert decided["grant"].count(".") == 2


def test_authenticator_code_is_taken_once(tmp_path: Path) -> None:
    """A TOTP code opens one action; entered for another it is wrong, although its time has not passed."""
    secret = pyotp.random_base32()

    async def use(served: Served, api: httpx.AsyncClient) -> list[str]:
        async with served.call():
            await served.service.store.customers.upsert("customer-1", totp_secret=secret)
            decisions = []
            code = pyotp.TOTP(secret).now()
            for action in ("account_recovery", "password_reset"):
                asked = await ask(api, action)
                assert asked["challenge"]["method"] == "totp"
                entered = await api.post(f"/v1/actions/{asked['action_id']}/otp", json={"code": code})
                decisions.append(entered.json()["decision"])
            return decisions

    assert ["allow", "step_up"] == on(tmp_path, use)


def test_lock_out_reaches_calls_in_progress(tmp_path: Path) -> None:
    """A challenge that was open before another call locked the customer out is not met by its right code any more."""
    async def use(served: Served, api: httpx.AsyncClient) -> dict[str, Any]:
        async with served.call("call-2"), served.call():
            other = await api.post("/v1/calls/call-2/actions", json={"action": "account_recovery"})
            right = served.phone.codes[-1].code
            asked = await ask(api)
            wrong = f"{(int(served.phone.codes[-1].code) + 1) % 10**6:06d}"
            for _ in range(3):
                await api.post(f"/v1/actions/{asked['action_id']}/otp", json={"code": wrong})
            entered = await api.post(f"/v1/actions/{other.json()['action_id']}/otp", json={"code": right})
            decided: dict[str, Any] = entered.json()
            return decided

    decided = on(tmp_path, use)
    assert ("deny", "denied", "customer_locked") == (
        decided["decision"], decided["state"], decided["reasons"][0]["code"]
    )
    assert "grant" not in decided


@pytest.mark.parametrize("code", ["12345678901", "12a456", "", None])
def test_malformed_code_is_not_repeated(code: Any, tmp_path: Path) -> None:
    """What might be a code stands in no error text, and costs no try."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[httpx.Response, Any]:
        async with served.call():
            asked = await ask(api)
            refused = await api.post(f"/v1/actions/{asked['action_id']}/otp", json={"code": code})
            entered = {"code": served.phone.codes[-1].code}
            return refused, (await api.post(f"/v1/actions/{asked['action_id']}/otp", json=entered)).json()

    refused, after = on(tmp_path, use)
    assert (422, "allow") == (refused.status_code, after["decision"])
    assert not code or code not in refused.text


# ── persons ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("verdict", "decision"), [("accept", "handover"), ("approve", "allow"), ("refuse", "deny")])
def test_person_answers_a_handover(verdict: str, decision: str, tmp_path: Path) -> None:
    """Accepting takes it over, approving allows it, refusing denies it; the receipt names who."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[str, Any]:
        async with served.call():
            asked = await ask(api)
            decided = await answer(served, asked["action_id"], "ann", verdict)
            receipts = (await api.get("/v1/calls/call-1/receipts")).json()["receipts"]
            return decided["decision"], receipts[-1]["human"]

    decided, human = on(tmp_path, use, voice=Voice(2.0))
    assert decision == decided
    assert "ann" in json.dumps(human)


def test_platform_cannot_answer_for_a_person(tmp_path: Path) -> None:
    """The key that asked for an action cannot approve it, and it still awaits its person."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[int, str, str]:
        key = await served.service.store.api_keys.create(
            "platform", ["stream", "actions", "grants"], by="tests", now=1.0
        )
        async with served.call(), served.api(key) as platform:
            asked = await ask(platform)
            body = {"verdict": "approve", "reason": "It is fine."}
            refused = await platform.post(f"/v1/actions/{asked['action_id']}/handover", json=body)
            return refused.status_code, refused.json()["code"], (
                await platform.get(f"/v1/actions/{asked['action_id']}")
            ).json()["state"]

    assert (403, "forbidden", "handed_over") == on(tmp_path, use, voice=Voice(2.0))


def test_money_wants_two_persons(tmp_path: Path) -> None:
    """One person twice is one person."""
    async def use(served: Served, api: httpx.AsyncClient) -> list[tuple[str, str]]:
        async with served.call():
            asked = await ask(api, "payment")
            key = await served.service.store.api_keys.create("ann", ["handover"], by="tests", now=1.0)
            outcomes = []
            async with served.api(key) as ann:
                for _ in range(2):
                    body = {"verdict": "approve", "reason": "I know them."}
                    outcomes.append((await ann.post(f"/v1/actions/{asked['action_id']}/handover", json=body)).json())
            outcomes.append(await answer(served, asked["action_id"], "bob", scopes=("handover", "supervise")))
            return [(one["decision"], one["reasons"][0]["code"]) for one in outcomes]

    assert [("handover", "second_approval_needed")] * 2 + [("allow", "approved_by_two")] == on(
        tmp_path, use, voice=Voice(2.0)
    )


# ── problems ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def unmeasured() -> AsyncIterator[bytes]:
    """A body that comes in chunks, without its length."""
    yield b"{}"


def test_errors_are_problems(tmp_path: Path) -> None:
    """RFC 9457: type, title, status and detail, and the code that machines read."""
    async def use(served: Served, api: httpx.AsyncClient) -> list[tuple[int, str]]:
        async with served.call():
            asked = await ask(api, "balance_enquiry")
            answers = [
                await api.post("/v1/calls/unknown/actions", json={"action": "refund"}),
                await api.post("/v1/actions/unknown/otp", json={"code": "123456"}),
                await api.post(f"/v1/actions/{asked['action_id']}/otp", json={"code": "123456"}),
                await api.post(ACTIONS, json={"action": "Refund!"}),
                await api.post(ACTIONS, json={"action": "refund", "customer": "x"}),
                await api.post(ACTIONS, content=b"{", headers={"Content-Type": "application/json"}),
                await api.post(ACTIONS, content=b"x" * 70_000), await api.post(ACTIONS, content=unmeasured()),
                await api.get("/nothing"), await api.put("/v1/calls"),
            ]
        answers.append(await api.post(ACTIONS, json={"action": "refund"}))
        for one in answers:
            assert "application/problem+json" == one.headers["content-type"]
            assert {"type", "title", "status", "detail", "code"} == one.json().keys()
            assert one.status_code == one.json()["status"]
        return [(one.status_code, one.json()["code"]) for one in answers]

    assert [
        (404, "unknown_call"), (404, "unknown_action"), (409, "not_awaited"), (422, "invalid_request"),
        (422, "invalid_request"), (422, "invalid_request"), (413, "too_large"), (411, "length_required"),
        (404, "not_found"), (405, "method_not_allowed"), (409, "call_over"),
    ] == on(tmp_path, use)


def test_call_is_listed_and_shown(tmp_path: Path) -> None:
    """A live call with its present risk, an ended one with its end, newest first."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        async with served.call():
            live = (await api.get("/v1/calls/call-1")).json()
        async with served.call("call-2"):
            pass
        listed = (await api.get("/v1/calls", params={"limit": 5})).json()["calls"]
        return live, (await api.get("/v1/calls/call-1")).json(), [call["call_id"] for call in listed]

    live, ended, listed = on(tmp_path, use)
    assert (True, "low", False) == (live["live"], live["risk"]["band"], ended["live"])
    assert ["call-2", "call-1"] == listed


def test_one_call_asks_for_so_many_actions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More are refused, over HTTP and on the stream, and nothing is kept of them; the call goes on."""
    monkeypatch.setattr(call, "MAX_ACTIONS", 2)

    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        async with served.call() as socket:
            decisions = [(await ask(api, "balance_enquiry"))["decision"] for _ in range(2)]
            refused = await api.post(ACTIONS, json={"action": "refund"})
            await socket.send(json.dumps({"type": "intent", "action": "refund"}))
            told = await said(socket, "error")
            kept = len(served.service.registry.calls["call-1"].answers)
            return decisions, refused.status_code, refused.json()["code"], told["code"], kept

    assert (["allow", "allow"], 429, "too_many_actions", "too_many_actions", 2) == on(tmp_path, use)
