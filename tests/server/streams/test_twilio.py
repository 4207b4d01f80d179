"""Twilio Media Streams on a real socket: who may stream, and a whole call from its first frame to its record."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from tests.server.endings import closed, keyed_refund, recorded
from tests.server.serving import SPEECH, Served, heard, serving
from voiceguard.adapters.store import StoreError
from voiceguard.ingest.stream_token import make_stream_token
from voiceguard.settings import TwilioOptions
from voiceguard.simulator.protocols.platform import FRAME_SAMPLES
from voiceguard.simulator.protocols.twilio import TwilioLine

PATH = "/v1/stream/twilio"
NOW = 1_700_000_000.0
NONCE = "0123456789abcdef"
SIGNED = TwilioOptions(auth_token=SecretStr("account-token"), shared_keys={"SK1": SecretStr("shared-key")})
TOKENS = TwilioOptions(stream_secret=SecretStr("stream-secret"))


def signature(url: str, key: str = "account-token", algorithm: str = "sha1") -> str:
    """As Twilio signs the URL of an upgrade, which has no body."""
    return base64.b64encode(hmac.digest(key.encode(), url.encode(), algorithm)).decode()


def url(served: Served) -> str:
    """The stream's URL as its TwiML would name it."""
    return served.origin.replace("http", "ws", 1) + PATH


async def status(served: Served, **headers: str) -> int:
    """HTTP status of an upgrade with these headers, whose dashes are written as underscores."""
    try:
        async with served.stream(PATH, headers={name.replace("_", "-"): value for name, value in headers.items()}):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


def token(call_sid: str = "call-1", *, secret: str = "stream-secret", life_s: int = 60, now: float = NOW) -> str:
    """A stream token as the platform's own server makes it."""
    return make_stream_token(call_sid, int(now) + life_s, NONCE, secret)


async def opened(socket: ClientConnection, line: TwilioLine) -> None:
    """`connected` and `start`."""
    for message in line.opening():
        await socket.send(message)


# ── signatures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_signed_upgrade_is_taken(tmp_path: Path) -> None:
    """The account's SHA-1 signature over the stream's URL opens it."""

    async def run() -> None:
        async with serving(tmp_path, twilio=SIGNED) as served:
            assert 101 == await status(served, X_Twilio_Signature=signature(url(served)))

    asyncio.run(run())


def test_shared_key_signature_is_taken(tmp_path: Path) -> None:
    """So does SHA-256 under a shared key, as the settings header says."""

    async def run() -> None:
        async with serving(tmp_path, twilio=SIGNED) as served:
            assert 101 == await status(
                served, X_Twilio_Signature=signature(url(served), "shared-key", "sha256"),
                X_Twilio_Webhooks_Signature_Settings="key=SK1,algorithm=HMAC_SHA256",
            )

    asyncio.run(run())


@pytest.mark.parametrize("origin", ["https://voice.example", "https://voice.example/", "wss://voice.example//"])
def test_signature_names_the_public_origin(tmp_path: Path, origin: str) -> None:
    """Behind a proxy Twilio signs the origin that it sees, however the setting ends; not the one that we listen on."""

    async def run() -> None:
        async with serving(tmp_path, twilio=SIGNED, public_origin=origin) as served:
            assert 101 == await status(served, X_Twilio_Signature=signature("wss://voice.example" + PATH))
            assert 403 == await status(served, X_Twilio_Signature=signature(url(served)))

    asyncio.run(run())


@pytest.mark.parametrize(
    "given", ["", "bm90IGl0", "nonsense", signature("ws://elsewhere.example" + PATH)],
    ids=["empty", "wrong", "not_base64", "another_url"],
)
def test_wrong_signature_is_refused(tmp_path: Path, given: str) -> None:
    """A signature that is not Twilio's over this URL is refused before the upgrade."""

    async def run() -> None:
        async with serving(tmp_path, twilio=SIGNED) as served:
            assert 403 == await status(served, X_Twilio_Signature=given)

    asyncio.run(run())


def test_unsigned_upgrade_is_refused(tmp_path: Path) -> None:
    """No signature, no upgrade: an API key of ours does not help."""

    async def run() -> None:
        async with serving(tmp_path, twilio=SIGNED) as served:
            assert 403 == await status(served)
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


def test_unconfigured_twilio_is_refused(tmp_path: Path) -> None:
    """Where no Twilio credential is configured nobody can prove to be Twilio."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            assert 403 == await status(served, X_Twilio_Signature=signature(url(served), key=""))

    asyncio.run(run())


# ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def whole_call(served: Served) -> None:
    """A call that a fresh token opens and that ends in order."""
    async with served.stream(PATH) as socket:
        line = TwilioLine("call-1", "customer-1", token())
        await opened(socket, line)
        await socket.send(line.closing())
        await closed(socket, 1000)


def test_fresh_token_starts_the_call(tmp_path: Path) -> None:
    """A token of ours, for this call and still good, needs no signature beside it; it is recorded nowhere."""

    async def run() -> None:
        async with serving(tmp_path, twilio=TOKENS, now=lambda: NOW) as served:
            await whole_call(served)
            records = await recorded(served, "call-1", "stopped")
            assert ("customer-1", {}) == (records[0]["customer_ref"], records[0]["metadata"])
            assert NONCE not in json.dumps(records)

    asyncio.run(run())


@pytest.mark.parametrize(
    "given",
    [
        "", "nonsense", token(secret="another-secret"), token("call-2"), token(life_s=0), token(life_s=86400),
        token().replace(str(int(NOW) + 60), str(int(NOW) + 120)),
    ],
    ids=["missing", "malformed", "forged", "another_call", "expired", "far_future", "stretched"],
)
def test_bad_token_is_refused(tmp_path: Path, given: str) -> None:
    """A token that is none of ours, or not for this call at this time, starts nothing."""

    async def run() -> None:
        async with serving(tmp_path, twilio=TOKENS, now=lambda: NOW) as served:
            async with served.stream(PATH) as socket:
                await opened(socket, TwilioLine("call-1", "customer-1", given))
                await closed(socket, 1008)
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


def test_replayed_token_is_refused(tmp_path: Path) -> None:
    """A token starts one stream; whoever shows it again is refused, though it has not expired."""

    async def run() -> None:
        async with serving(tmp_path, twilio=TOKENS, now=lambda: NOW) as served:
            await whole_call(served)
            async with served.stream(PATH) as socket:
                await opened(socket, TwilioLine("call-1", "customer-1", token()))
                await closed(socket, 1008)
            records = await recorded(served, "call-1", "stopped")
            assert 1 == [record["kind"] for record in records].count("started")

    asyncio.run(run())


def test_token_unchecked_is_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store cannot say whether a token was used, the stream is refused with 1013."""

    async def broken(*_: Any) -> bool:
        raise StoreError("no answer")

    async def run() -> None:
        async with serving(tmp_path, twilio=TOKENS, now=lambda: NOW) as served:
            monkeypatch.setattr(served.service.store.nonces, "use", broken)
            async with served.stream(PATH) as socket:
                await opened(socket, TwilioLine("call-1", "customer-1", token()))
                await closed(socket, 1013)
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


def test_token_does_not_replace_the_signature(tmp_path: Path) -> None:
    """Where both are configured both are demanded."""

    async def run() -> None:
        both = TwilioOptions(auth_token=SecretStr("account-token"), stream_secret=SecretStr("stream-secret"))
        async with serving(tmp_path, twilio=both, now=lambda: NOW) as served:
            assert 403 == await status(served)
            signed = {"X-Twilio-Signature": signature(url(served))}
            async with served.stream(PATH, headers=signed) as socket:
                await opened(socket, TwilioLine("call-1", "customer-1", ""))
                await closed(socket, 1008)

    asyncio.run(run())


# ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whole_call(tmp_path: Path) -> None:
    """A Twilio call asks through the API, its customer keys the delivered code, and the grant can be spent."""

    async def run() -> None:
        async with serving(tmp_path, twilio=TOKENS) as served:
            await served.service.store.customers.upsert("customer-1")
            line = TwilioLine("call-1", "customer-1", token(now=time.time()))
            async with served.stream(PATH) as socket, served.api() as api:
                await opened(socket, line)
                await speak(socket, line, 10.0)
                await heard(served, "call-1", 10.0)
                asked = await keyed_refund(served, api, lambda digit: socket.send(line.digit(digit)))
                answer = (await api.get(f"/v1/actions/{asked['action_id']}")).json()
                assert "allow" == answer["decision"]
                assert 200 == (await api.post("/v1/grants/redeem", json={"grant": answer["grant"]})).status_code
                await socket.send(line.closing())
                await closed(socket, 1000)
            records = await recorded(served, "call-1", "stopped")
            assert ["step_up", "allow"] == [item["decision"] for item in records if item["kind"] == "decision"]

    asyncio.run(run())


def test_nothing_is_said_to_twilio(tmp_path: Path) -> None:
    """No message of ours goes to Twilio, which would close a stream that sends what it does not know."""

    async def run() -> None:
        async with serving(tmp_path, twilio=TOKENS, now=lambda: NOW) as served:
            line = TwilioLine("call-1", "customer-1", token())
            async with served.stream(PATH) as socket:
                await opened(socket, line)
                await speak(socket, line, 10.0)
                await socket.send(line.closing())
                assert [] == [message async for message in socket]
            assert "risk" in {record["kind"] for record in await recorded(served, "call-1", "stopped")}

    asyncio.run(run())


def test_lost_connection_is_recorded(tmp_path: Path) -> None:
    """A stream cut in mid-word is recorded up to there."""

    async def run() -> None:
        async with serving(tmp_path, twilio=TOKENS, now=lambda: NOW) as served:
            line = TwilioLine("call-1", "customer-1", token())
            async with served.stream(PATH) as socket:
                await opened(socket, line)
                await speak(socket, line, 10.0)
                await heard(served, "call-1", 10.0)
                socket.transport.abort()
            assert "risk" in {record["kind"] for record in await recorded(served, "call-1", "vanished")}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param([1, 2, 2, 3], [("repeated", 20.0)], id="repeated"),
        pytest.param([1, 3, 2, 4], [("gap", 20.0), ("late", 20.0)], id="late"),
        pytest.param([1, 2, 6, 7], [("gap", 60.0)], id="missing"),
        pytest.param([1, 2, 3, 4], [], id="whole"),
    ],
)
def test_broken_media_is_recorded(tmp_path: Path, chunks: list[int], expected: list[tuple[str, float]]) -> None:
    """What came twice, too late or never is in the record, in order, with how many milliseconds it was."""

    async def run() -> None:
        async with serving(tmp_path, twilio=TOKENS, now=lambda: NOW) as served:
            line = TwilioLine("call-1", "customer-1", token())
            sent = {number: line.audio({"caller": SPEECH[:FRAME_SAMPLES]})[0] for number in range(1, 8)}
            async with served.stream(PATH) as socket:
                await opened(socket, line)
                for number in chunks:
                    await socket.send(sent[number])
                await socket.send(line.closing())
                await closed(socket, 1000)
            records = await recorded(served, "call-1", "stopped")
            assert expected == [(item["media"], item["ms"]) for item in records if item["kind"] == "media"]
            assert {"started", "consent_given", "risk", "media", "ended"} >= {item["kind"] for item in records}

    asyncio.run(run())


async def speak(socket: ClientConnection, line: TwilioLine, seconds: float) -> None:
    """That much of the caller's speech, as fast as it goes."""
    for at in range(0, int(seconds * 8000), FRAME_SAMPLES):
        for message in line.audio({"caller": SPEECH[at : at + FRAME_SAMPLES]}):
            await socket.send(message)
