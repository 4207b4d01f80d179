"""The consent ledger over a real port: a withdrawal bites the call that is on the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from tests.server.asking import ask, on
from tests.server.serving import Served, heard, said, speak
from voiceguard.adapters.store import Store

CONSENTS = "/v1/consents"
WITHDRAW = "/v1/consents/withdrawals"
OF_CALL = {"purpose": "voice_analysis", "call_id": "call-1", "reason": "asked"}


def test_withdrawn_analysis_stops_the_live_call_and_drops_its_speech(tmp_path: Path) -> None:
    """No score afterwards, no speech in memory, and a look at it is refused and recorded."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call(seconds=10) as socket:
            call = served.service.registry.calls["call-1"]
            before = len(call.core.heard_lately())
            answer = await api.post(WITHDRAW, json=OF_CALL)
            risk = await said(socket, "risk", state="no_consent")
            after, net_s = len(call.core.heard_lately()), call.core.risk.net_speech_s
            await speak(socket, 5, begin_s=10)
            await heard(served, "call-1", 15)
            still = len(call.core.heard_lately()), call.core.risk.net_speech_s == net_s
            refused = call.consent.may_use("caller_audio")
        return answer.status_code, before, risk["score"], after, still, refused, await _kinds(served)

    status, before, score, after, still, refused, kinds = on(tmp_path, use)

    assert (204, None, 0, (0, True), False) == (status, score, after, still, refused)
    assert before > 0
    assert {"consent_given", "consent_withdrawn", "use_refused"} <= set(kinds)


def test_withdrawal_in_another_process_bites_within_a_second(tmp_path: Path) -> None:
    """A command on the same store stops the call."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call(seconds=6) as socket:
            url = served.service.settings.store_url
            async with Store.open(url, cipher=served.service.keys.cipher) as other:
                began = served.service.now()
                await other.consents.withdraw(
                    "voice_analysis", source="command_line", author="op", reason="asked", now=began,
                    customer_ref="customer-1",
                )
            await said(socket, "risk", state="no_consent")
        return True

    assert on(tmp_path, use)


def test_withdrawn_consent_on_the_stream_and_given_again(tmp_path: Path) -> None:
    """The caller says so in the call; analysis begins anew with what comes after."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call(seconds=6) as socket:
            await socket.send(json.dumps({"type": "consent", "withdrawn": ["voice_analysis"]}))
            await said(socket, "risk", state="no_consent")
            await socket.send(json.dumps({"type": "consent", "given": ["voice_analysis"], "wording": "v2"}))
            await speak(socket, 10, begin_s=6)
            await said(socket, "risk", state="ok")
            await socket.send(json.dumps({"type": "consent", "given": ["marketing"]}))
            error = await said(socket, "error")
        entries = (await api.get(CONSENTS, params={"call_id": "call-1"})).json()["consents"]
        return error["code"], [(entry["wording"], entry["withdrawn_at"] is None) for entry in entries]

    assert ("unknown_purpose", [("v2", True), ("", False)]) == on(tmp_path, use)


def test_reconnect_takes_no_withdrawal_back(tmp_path: Path) -> None:
    """A stream that comes again with the same start only repeats what was said."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call(seconds=4):
            await api.post(WITHDRAW, json=OF_CALL)
        async with served.call(seconds=4):
            return served.service.registry.calls["call-1"].core.risk.state

    assert "no_consent" == on(tmp_path, use)


def test_next_call_of_a_customer_who_objected_is_not_analysed(tmp_path: Path) -> None:
    """Unless the caller agrees anew."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        await api.post(WITHDRAW, json={"purpose": "voice_analysis", "customer_ref": "customer-1", "reason": "asked"})
        async with served.call(seconds=4, consent=None):
            first = served.service.registry.calls["call-1"].core.risk.state
        async with served.call("call-2", seconds=8):
            return first, served.service.registry.calls["call-2"].core.risk.state

    assert ("no_consent", "ok") == on(tmp_path, use)


def test_withdrawal_during_a_step_up_leaves_the_code_to_be_entered(tmp_path: Path) -> None:
    """The challenge goes on; the decision says that there is no consent."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call(seconds=10):
            asked = await ask(api)
            await api.post(WITHDRAW, json=OF_CALL)
            code = served.phone.codes[-1].code
            return (await api.post(f"/v1/actions/{asked['action_id']}/otp", json={"code": code})).json()

    decided = on(tmp_path, use)

    assert ("allow", "no_consent") == (decided["decision"], decided["risk"]["state"])
    assert "no_consent" in [reason["code"] for reason in decided["reasons"]]


def test_high_risk_stays_when_consent_is_withdrawn(tmp_path: Path) -> None:
    """Nobody escapes what was found out before by an objection."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        served.voice.llr = 2.5
        async with served.call(seconds=12):
            await api.post(WITHDRAW, json=OF_CALL)
            return await ask(api, "balance_enquiry")

    decided = on(tmp_path, use)

    assert ("handover", "high") == (decided["decision"], decided["risk"]["band"])


def test_withdrawn_transcript_is_neither_read_nor_shown(tmp_path: Path) -> None:
    """What was said before is blanked on the live feed."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call(seconds=2) as socket:
            await socket.send(json.dumps({"type": "transcript", "text": "I moved to a new flat."}))
            await socket.send(json.dumps({"type": "consent", "withdrawn": ["transcript"]}))
            await socket.send(json.dumps({"type": "transcript", "text": "My new street is Elm Street."}))
            await socket.send(json.dumps({"type": "intent", "action": "balance_enquiry"}))
            await said(socket, "decision")
            return [event["text"] for event in _events(served) if event["kind"] == "transcript"]

    assert [""] == on(tmp_path, use)


def test_ledger_is_kept_listed_and_withdrawn_by_entry(tmp_path: Path) -> None:
    """Over the API, with wording and expiry; an entry is withdrawn once."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        given = await api.post(CONSENTS, json={
            "purpose": "enrol", "customer_ref": "customer-1", "wording": "v7", "expires_days": 30,
        })
        (entry,) = (await api.get(CONSENTS, params={"customer_ref": "customer-1"})).json()["consents"]
        path = f"{CONSENTS}/{given.json()['consent_id']}"
        return given.status_code, entry, (await api.delete(path)).status_code, (await api.delete(path)).status_code

    status, entry, first, second = on(tmp_path, use)

    assert (201, 204, 404) == (status, first, second)
    assert ("v7", "api", "everybody") == (entry["wording"], entry["source"], entry["author"])
    assert 30 * 86400 == round(entry["expires_at"] - entry["given_at"])


def test_bad_input_is_a_clear_problem(tmp_path: Path) -> None:
    """An unknown purpose, nobody's consent, an unknown call."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        bodies = (
            {"purpose": "marketing", "customer_ref": "c", "wording": "v"}, {"purpose": "enrol", "wording": "v"},
            {"purpose": "enrol", "call_id": "no-such-call", "wording": "v"},
        )
        found = [await api.post(CONSENTS, json=body) for body in bodies]
        return [(answer.status_code, answer.json()["code"]) for answer in found]

    assert [(422, "invalid_request"), (422, "invalid_request"), (404, "unknown_call")] == on(tmp_path, use)


def _events(served: Served) -> list[Any]:
    return list(served.service.live.hub.calls["call-1"].events)


async def _kinds(served: Served) -> list[str]:
    return [record["kind"] for record in await served.service.store.calls.events("call-1")]

