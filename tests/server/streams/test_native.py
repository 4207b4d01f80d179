"""The native stream on a real socket: what it says, and what a call comes to."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection

from tests.codecs.encoders import encode, speech
from tests.server.endings import closed, recorded, until
from tests.server.serving import Served, Voice, heard, said, serving, start

RISK = {"type", "call_id", "at_s", "net_speech_s", "score", "band", "state", "evidence", "models", "policy"}
DECISION = {
    "type", "call_id", "action_id", "action", "tier", "decision", "state", "reasons", "rule", "risk"
}
MODELS = dict.fromkeys(("synthetic", "speaker", "verify"), "scripted@000000000000")


async def ask(socket: ClientConnection, action: str, **parameters: str) -> dict[str, Any]:
    """The first decision on an `intent`."""
    await socket.send(json.dumps({"type": "intent", "action": action, "parameters": parameters}))
    return await said(socket, "decision", action=action)


# ── what it says ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_started_names_models_and_policy(tmp_path: Path) -> None:
    """The answer to `start` says which models and which policy judge the call."""

    async def run() -> None:
        async with serving(tmp_path) as served, served.stream() as socket:
            await socket.send(start())
            assert {
                "type": "started", "call_id": "call-1", "models": MODELS, "policy": served.service.live.policy,
            } == json.loads(await socket.recv())

    asyncio.run(run())


def test_no_number_before_enough_speech(tmp_path: Path) -> None:
    """The first risk message of a call holds no score, no evidence, and says why."""

    async def run() -> None:
        async with serving(tmp_path) as served, served.stream() as socket:
            await socket.send(start())
            assert {
                "type": "risk", "call_id": "call-1", "at_s": 0.0, "net_speech_s": 0.0, "score": None,
                "band": "unknown", "state": "insufficient_speech", "evidence": [], "models": MODELS,
                "policy": served.service.live.policy,
            } == await said(socket, "risk")

    asyncio.run(run())


def test_risk_explains_itself(tmp_path: Path) -> None:
    """A risk message has the contract's fields, and each piece of evidence its nats and its windows."""

    async def run() -> None:
        async with serving(tmp_path) as served, served.call() as socket:
            risk = await said(socket, "risk", state="ok")
            assert set(risk) == RISK
            assert {"synthetic_voice"} <= {evidence["source"] for evidence in risk["evidence"]}
            for evidence in risk["evidence"]:
                assert {"source", "llr", "weight", "contribution", "windows"} == set(evidence)

    asyncio.run(run())


def test_synthetic_voice_raises_the_risk(tmp_path: Path) -> None:
    """A voice whose windows score as synthetic is told as high risk."""

    async def run() -> None:
        async with serving(tmp_path, voice=Voice(llr=5.0)) as served, served.call() as socket:
            risk = await said(socket, "risk", state="ok")
            (evidence,) = [item for item in risk["evidence"] if item["source"] == "synthetic_voice"]
            assert "high" == risk["band"]
            assert evidence["contribution"] > 0

    asyncio.run(run())


def test_intent_gets_a_decision(tmp_path: Path) -> None:
    """An `intent` of information is allowed, with the rule, the reasons and the risk that it hung on."""

    async def run() -> None:
        async with serving(tmp_path) as served, served.call() as socket:
            decision = await ask(socket, "balance_enquiry")
            assert set(decision) == DECISION
            assert ("allow", "allowed", "information", "open") == tuple(
                decision[name] for name in ("decision", "state", "tier", "rule")
            )
            assert ["nothing_against"] == [reason["code"] for reason in decision["reasons"]]
            assert set(decision["risk"]) == RISK

    asyncio.run(run())


def test_challenge_says_what_is_awaited(tmp_path: Path) -> None:
    """A step-up names its challenge in the decision, and once more on its own; the code is in neither."""

    async def run() -> None:
        async with serving(tmp_path, now=lambda: 1000.0) as served, served.call() as socket:
            decision = await ask(socket, "account_recovery")
            challenge = await said(socket, "challenge")
            awaited = {
                "method": "delivered_code", "expires_at": 1300.0, "tries_left": 3, "acr": "urn:voiceguard:acr:otp",
            }
            assert set(decision) == DECISION | {"challenge"}
            assert ("step_up", "challenged", awaited) == tuple(
                decision[name] for name in ("decision", "state", "challenge")
            )
            assert {
                "type": "challenge", "call_id": "call-1", "action_id": decision["action_id"], **awaited,
            } == challenge

    asyncio.run(run())


def test_stop_is_answered_last(tmp_path: Path) -> None:
    """`stop` is answered by `stopped` and a normal close, and nothing of the call is live then."""

    async def run() -> None:
        async with serving(tmp_path) as served, served.stream() as socket:
            await socket.send(start())
            await socket.send(json.dumps({"type": "stop"}))
            assert {"type": "stopped", "call_id": "call-1", "reason": "stopped"} == await said(socket, "stopped")
            await closed(socket, 1000)
            await recorded(served, "call-1", "stopped")

    asyncio.run(run())


def test_keyed_code_opens_the_action(tmp_path: Path) -> None:
    """The delivered code, keyed in on the stream, turns the step-up into an allowance with a grant that redeems."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.call() as socket, served.api() as api:
                asked = await ask(socket, "refund", amount="5")
                await _key(socket, await _code(served))
                decision = await said(socket, "decision", action_id=asked["action_id"])
                assert ("allow", "allowed") == (decision["decision"], decision["state"])
                assert set(decision) == DECISION | {"grant"}
                redeemed = await api.post("/v1/grants/redeem", json={"grant": decision["grant"]})
                assert 200 == redeemed.status_code
            kinds = [record["kind"] for record in await recorded(served, "call-1", "stopped")]
            assert 2 == kinds.count("decision")

    asyncio.run(run())


def test_wrong_code_takes_a_try(tmp_path: Path) -> None:
    """A wrong code is told as a step-up with one try less, and no grant."""

    async def run() -> None:
        async with serving(tmp_path) as served, served.call() as socket:
            asked = await ask(socket, "account_recovery")
            right = await _code(served)
            await _key(socket, f"{(int(right) + 1) % 10**6:06d}")
            decision = await said(socket, "decision", action_id=asked["action_id"])
            assert ("step_up", 2) == (decision["decision"], decision["challenge"]["tries_left"])
            assert "grant" not in decision

    asyncio.run(run())


def test_unknown_customer_is_denied(tmp_path: Path) -> None:
    """Nothing sensitive is done for a customer that the store does not know."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            async with served.stream() as socket:
                await socket.send(start(customer_ref="stranger"))
                decision = await ask(socket, "refund")
                assert ("deny", "denied") == (decision["decision"], decision["state"])
            assert [] == served.phone.codes
            await recorded(served, "call-1", "vanished")

    asyncio.run(run())


async def _code(served: Served) -> str:
    await until(lambda: served.phone.codes)
    return served.phone.codes[-1].code


async def _key(socket: ClientConnection, digits: str) -> None:
    for digit in digits:
        await socket.send(json.dumps({"type": "dtmf", "channel": "caller", "digit": digit}))


def test_opus_call(tmp_path: Path) -> None:
    """A call in wide-band Opus is judged like any other, and a damaged packet ends nothing but is on record."""

    async def run() -> None:
        packets = encode("libopus", speech(seconds=12.0))
        async with serving(tmp_path) as served, served.stream() as socket:
            await socket.send(start(encoding="opus", sample_rate=48000))
            for packet in (*packets[:100], b"\x03", *packets[100:]):
                await socket.send(packet)
            await heard(served, "call-1", 11.8)
            await socket.send(json.dumps({"type": "stop"}))
            stopped = await said(socket, "stopped")
            assert "stopped" == stopped["reason"]
            records = await recorded(served, "call-1", "stopped")
            assert [("corrupt", 0.0)] == [(item["media"], item["ms"]) for item in records if item["kind"] == "media"]
            risk = [item for item in records if item["kind"] == "risk"][-1]
            assert risk["net_speech_s"] > 6 and risk["score"] is not None

    asyncio.run(run())
