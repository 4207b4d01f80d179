"""The desk's endpoints, asked by people on a running service."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.asking import on as with_api
from tests.server.desk import browser, session_token
from tests.server.serving import Served, Voice, said, serving

IBAN, CARD = "DE89370400440532013000", "4111 1111 1111 1111"


def on(folder: Path, use: Callable[[Served], Awaitable[Any]], llr: float = 3.0) -> Any:
    """What `use` gives on a running service whose caller sounds like this."""
    async def run() -> Any:
        async with serving(folder, voice=Voice(llr)) as served:
            return await use(served)

    return asyncio.run(run())


async def records(served: Served, kind: str) -> list[dict[str, Any]]:
    return [record for record in await served.service.store.calls.events("call-1") if record["kind"] == kind]


def test_what_a_handover_is_about(tmp_path: Path) -> None:
    """Whoever took it sees what is asked for and what was said, with personal data masked; nobody else does; what was
    shown to whom is on record."""
    async def use(served: Served) -> Any:
        async with served.call() as socket, served.api() as api:
            await socket.send(json.dumps({"type": "transcript", "channel": "caller", "text": f"my card is {CARD}"}))
            body = {"action": "payment", "parameters": {"amount": "120.00", "card": CARD}}
            action_id = (await api.post("/v1/calls/call-1/actions", json=body)).json()["action_id"]
            place = f"/v1/actions/{action_id}/handover"
            ann = await session_token(served, "ann")
            async with browser(served, ann) as page:
                before = await page.get(place)
                await page.post(place, json={"verdict": "accept", "reason": "mine"})
                shown = await page.get(place)
            async with browser(served, await session_token(served, "sue", ["supervisor"])) as page:
                other = await page.get(place)
        return before, shown, other, await records(served, "handover_shown")

    before, shown, other, kept = on(tmp_path, use)
    assert [(409, "not_taken")] * 2 == [(answer.status_code, answer.json()["code"]) for answer in (before, other)]
    told = shown.json()
    assert ("120.00", "customer-1", ["caller"]) == (
        told["parameters"]["amount"], told["customer_ref"], [line["channel"] for line in told["said"]]
    )
    assert not any(secret in shown.text for secret in (CARD, CARD.replace(" ", "")))
    assert [("ann", 1)] == [(record["person"], record["lines"]) for record in kept]


def test_an_agent_asks_and_gets_no_grant(tmp_path: Path) -> None:
    """A step-up that a person starts is on record under their name; neither code nor grant reaches them, and the code
    is not theirs to enter."""
    async def use(served: Served) -> Any:
        async with served.call() as socket:
            async with browser(served, await session_token(served)) as page:
                asked = await page.post("/v1/calls/call-1/actions", json={"action": "account_recovery"})
                code = served.phone.codes[0].code
                entered = await page.post(f"/v1/actions/{asked.json()['action_id']}/otp", json={"code": code})
                opened = await page.post("/v1/calls/call-1/actions", json={"action": "balance_enquiry"})
            for digit in code:
                await socket.send(json.dumps({"type": "dtmf", "digit": digit}))
            allowed = await said(socket, "decision", decision="allow", action="account_recovery")
            seen = str([event for event in served.service.live.hub.calls["call-1"].events])
        return asked, entered, opened, allowed, code, seen, await records(served, "asked_by_person")

    asked, entered, opened, allowed, code, seen, kept = on(tmp_path, use, llr=-2.0)
    assert ("step_up", 403, "allow") == (asked.json()["decision"], entered.status_code, opened.json()["decision"])
    assert "grant" not in opened.json() and "grant" in allowed
    assert code not in asked.text + seen
    assert [("ann", "account_recovery"), ("ann", "balance_enquiry")] == [
        (record["person"], record["action"]) for record in kept
    ]


def test_a_look_at_the_voice(tmp_path: Path) -> None:
    """A supervisor sees the last seconds of speech, which is on record; an agent does not, and there is none of a call
    without consent or of one that is over."""
    async def use(served: Served) -> Any:
        path = "/v1/calls/call-1/spectrogram"
        sue = await session_token(served, "sue", ["supervisor"])
        async with browser(served, sue) as page:
            async with served.call():
                seen = await page.get(path)
                async with browser(served, await session_token(served)) as agent:
                    forbidden = (await agent.get(path)).status_code
            over = (await page.get(path)).status_code
            async with served.call("call-2", seconds=0.1):
                silent = (await page.get("/v1/calls/call-2/spectrogram")).json()["code"]
        return seen.json(), forbidden, over, silent, await records(served, "spectrogram_shown")

    seen, forbidden, over, silent, kept = on(tmp_path, use)
    assert len(base64.b64decode(seen["levels"])) == seen["bands"] * seen["frames"]
    assert 4.0 < seen["seconds"] <= 8.0
    assert (403, 409, "no_speech") == (forbidden, over, silent)
    assert ["sue"] == [record["person"] for record in kept]


@pytest.mark.parametrize("reason", [" ", "\n\t", "\x1c"])
def test_blank_reason_is_refused_wherever_one_is_asked_for(reason: str, tmp_path: Path) -> None:
    """Of a proposal, an entry, an answer and a deletion: 422, and no fault of ours."""
    async def use(served: Served, api: httpx.AsyncClient) -> set[int]:
        async with served.call():
            answers = [
                await api.post("/v1/calls/call-1/watchlist/proposal", json={"reason": reason}),
                await api.post("/v1/calls/call-1/watchlist", json={"reason": reason}),
                await api.post("/v1/actions/a/handover", json={"verdict": "refuse", "reason": reason}),
                await api.delete("/v1/watchlist/none", params={"reason": reason}),
            ]
            return {answer.status_code for answer in answers}

    assert {422} == with_api(tmp_path, use)


def test_a_proposal_counts_once_somebody_else_agrees(tmp_path: Path) -> None:
    """An agent proposes; the voice is looked for from when an analyst has reviewed it, not before."""
    async def use(served: Served) -> Any:
        async with served.call():
            async with browser(served, await session_token(served)) as page:
                proposed = await page.post("/v1/calls/call-1/watchlist/proposal", json={"reason": f"said {CARD}"})
            before = await served.service.live.voices.voices.listed(served.service.now())
            async with browser(served, await session_token(served, "ana", ["analyst"])) as page:
                entry_id = proposed.json()["entry_id"]
                (entry,) = (await page.get("/v1/watchlist")).json()["entries"]
                reviewed = await page.post(f"/v1/watchlist/{entry_id}/review", json={"days": 30})
            after = await served.service.live.voices.voices.listed(served.service.now())
        return proposed, before, entry, reviewed, after, await records(served, "watchlist_proposed")

    proposed, before, entry, reviewed, after, kept = on(tmp_path, use)
    assert (201, 200) == (proposed.status_code, reviewed.status_code)
    assert (0, 1) == (len(before), len(after))
    assert ("ann", None) == (entry["author"], entry["reviewed_by"])
    assert "4111" not in entry["reason"]
    assert ["ann"] == [record["person"] for record in kept]


def test_what_may_be_asked_for(tmp_path: Path) -> None:
    """Actions and what their tiers demand, for an agent's choice."""
    async def use(served: Served) -> Any:
        async with browser(served, await session_token(served)) as page:
            return (await page.get("/v1/policy")).json()

    told = on(tmp_path, use)
    assert "money" == told["actions"]["payment"]
    assert [["otp"], ["human", "second_human"]] == told["tiers"]["money"]["assurance"]


def test_the_desk_shows_a_role_its_own_fields(tmp_path: Path) -> None:
    """On the live feed an agent gets no raw evidence or hashes, an auditor neither customer nor words."""
    async def use(served: Served) -> dict[str, Any]:
        seen = {}
        async with served.call() as socket:
            await socket.send(json.dumps({"type": "transcript", "channel": "caller", "text": "I lost my card"}))
            await socket.send(json.dumps({"type": "intent", "action": "account_recovery"}))
            await said(socket, "decision")
            for name, role in (("ann", "agent"), ("ana", "analyst"), ("aud", "auditor")):
                cookie = f"voiceguard={await session_token(served, name, [role])}"
                headers = {"Cookie": cookie, "Origin": served.origin, "Authorization": ""}
                async with served.stream("/v1/live", headers=headers) as feed:
                    (seen[role],) = (await said(feed, "snapshot"))["calls"]
        return seen

    seen = on(tmp_path, use)
    kinds = {role: {event["kind"] for event in call["events"]} for role, call in seen.items()}
    words = {"transcript", "decision"}
    assert {"agent": words, "analyst": words, "auditor": {"decision"}} == kinds
    assert ["customer-1", "customer-1", None] == [call["customer_ref"] for call in seen.values()]
    assert [{"source", "contribution", "windows"}] == [
        set(item) for item in seen["agent"]["risk"]["evidence"][:1]
    ]
    assert "models" not in seen["agent"]["risk"] and "models" in seen["auditor"]["risk"]
    assert all(len(call["handovers"]) == 1 and call["speech"] for call in seen.values())
