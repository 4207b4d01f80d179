"""The Twilio codec: what its events hold, and its two gates: the signature and the stream token."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.events import (
    AudioReceived,
    CallStarted,
    DtmfReceived,
    MarkReceived,
    MediaDropped,
    MediaGap,
)
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.json_stream import JsonPlatform, JsonStreamCodec
from voiceguard.ingest.stream_token import check_stream_token, make_stream_token
from voiceguard.ingest.twilio import SIGNALWIRE, TWILIO
from voiceguard.ingest.twilio_auth import verify_signature

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
KEYS = {"webhooks_sharedkey_1": "shared-secret-of-the-test"}
SHA256_SETTINGS = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
URL = "wss://calls.example.com/v1/stream/twilio"
# Signatures made with twilio-python 9.13.0, RequestValidator.compute_signature.
SIGNED_WSS = "GlsytxV7/6ylTaL7dEVoCtFey38="
SIGNED_HTTPS_443 = "yjfrIW9x+qV72JsYUBnSXbI3ZKE="
SIGNED_SHA256 = "0NXpVzDw8IiDnI3Xn14D5olZuSeEtvIjGuaQDEwE8JM="
SECRET = "stream-secret"
NONCE = "nonce-0123456789"


def _start(**fields: Any) -> str:
    start = {
        "callSid": "CA1", "streamSid": "MZ1", "tracks": ["inbound", "outbound"], "customParameters": {},
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    }
    return json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {**start, **fields}})


def _started() -> JsonStreamCodec:
    codec = JsonStreamCodec(TWILIO, options=IngestOptions(max_text_bytes=10**6))
    codec.receive_text(_start())
    return codec


def _media(track: str, chunk: int, timestamp_ms: int, payload: bytes) -> str:
    media = {
        "track": track, "chunk": str(chunk), "timestamp": str(timestamp_ms),
        "payload": base64.b64encode(payload).decode(),
    }
    return json.dumps({"event": "media", "streamSid": "MZ1", "media": media})


def test_start() -> None:
    """Tracks become channels, known parameters become fields and the others metadata."""
    parameters = {"customer_ref": "customer-1", "consent": "voice_analysis, enrol", "queue": "billing"}
    start = _start(tracks=["outbound", "inbound"], customParameters=parameters)

    assert JsonStreamCodec(TWILIO).receive_text(start) == [
        CallStarted(
            "CA1", "pcmu", 8000, ("caller", "agent"), "customer-1", frozenset({"voice_analysis", "enrol"}),
            {"queue": "billing"},
        )
    ]


def test_media() -> None:
    """Each track has its own clock; what is missing, repeated or late is told."""
    codec = _started()
    one, two = b"\x01" * 160, b"\x02" * 160

    assert codec.receive_text(_media("inbound", 1, 3, one)) == [AudioReceived("caller", 0, one)]
    assert codec.receive_text(_media("outbound", 1, 3, two)) == [AudioReceived("agent", 0, two)]
    assert codec.receive_text(_media("inbound", 4, 60, two)) == [
        MediaGap("caller", 160, 320), AudioReceived("caller", 480, two),
    ]
    assert codec.receive_text(_media("inbound", 4, 60, two)) == [MediaDropped("caller", 480, 160, "repeated")]
    assert codec.receive_text(_media("inbound", 3, 40, one)) == [MediaDropped("caller", 320, 160, "late")]
    assert codec.receive_text(_media("outbound", 2, 23, one)) == [AudioReceived("agent", 160, one)]


def test_dtmf_and_mark() -> None:
    """Keys and marks arrive with their values."""
    codec = _started()

    assert codec.receive_text('{"event":"dtmf","dtmf":{"track":"inbound_track","digit":"*"}}') == [
        DtmfReceived("caller", "*")
    ]
    assert codec.receive_text('{"event":"mark","mark":{"name":"greeting"}}') == [MarkReceived("greeting")]


@given(st.binary(max_size=800))
def test_cuts_do_not_matter(data: bytes) -> None:
    """Whole, by 20 ms or by single samples, each track's payloads join to what was sent, without a gap."""
    for size in (1, 160, len(data) or 1):
        codec = _started()
        joined: dict[str, bytearray] = defaultdict(bytearray)
        for index, at in enumerate(range(0, len(data), size), start=1):
            for track, payload in (("inbound", data), ("outbound", data[::-1])):
                for event in codec.receive_text(_media(track, index, at // 8, payload[at : at + size])):
                    assert isinstance(event, AudioReceived)
                    assert event.start_sample == len(joined[event.channel])
                    joined[event.channel] += event.payload
        assert (joined["caller"], joined["agent"]) == (data, data[::-1])


@pytest.mark.parametrize(
    "url",
    [URL, "https://calls.example.com/v1/stream/twilio", "wss://calls.example.com:443/v1/stream/twilio",
     "https://calls.example.com:8443/v1/stream/twilio"],
)
def test_signature_behind_a_proxy(url: str) -> None:
    """The signature holds however the origin is written: its scheme, with a port or without."""
    verify_signature(url, SIGNED_WSS, AUTH_TOKEN)


def test_signature_forms() -> None:
    """A signed port is accepted, and the SHA-256 form with the shared key that its header names."""
    verify_signature(URL, SIGNED_HTTPS_443, AUTH_TOKEN)
    verify_signature(URL, SIGNED_SHA256, None, settings_header=SHA256_SETTINGS, shared_keys=KEYS)


@pytest.mark.parametrize(
    ("url", "signature", "settings"),
    [
        (URL, None, None), (URL, "", None), (URL, "é\udc80", None), (URL, SIGNED_WSS[:-2], None),
        (URL + "/", SIGNED_WSS, None), ("wss://evil.example.com/v1/stream/twilio", SIGNED_WSS, None),
        ("ws://calls.example.com/v1/stream/twilio", SIGNED_WSS, None), ("wss://[::1/", SIGNED_WSS, None),
        ("wss://calls.example.com:port/", SIGNED_WSS, None), ("", SIGNED_WSS, None),
        (URL, SIGNED_SHA256, None), (URL, SIGNED_WSS, SHA256_SETTINGS), (URL, SIGNED_WSS, "algorithm=HMAC_SHA256"),
        (URL, SIGNED_SHA256, "key=webhooks_sharedkey_2,algorithm=HMAC_SHA256"),
        (URL, SIGNED_SHA256, "key=webhooks_sharedkey_1,algorithm=NONE"),
        (URL, SIGNED_SHA256, "key=webhooks_sharedkey_1"),
    ],
)
def test_signature_refused(url: str, signature: str | None, settings: str | None) -> None:
    """Missing, altered, of another URL, key or algorithm: refused."""
    with pytest.raises(AuthenticationError):
        verify_signature(url, signature, AUTH_TOKEN, settings_header=settings, shared_keys=KEYS)


@given(st.text(), st.text(), st.none() | st.text(), st.none() | st.text())
def test_any_signature(url: str, signature: str, auth_token: str | None, settings: str | None) -> None:
    """Nothing that can stand in a header is accepted or raises anything else."""
    with pytest.raises(AuthenticationError):
        verify_signature(url, signature, auth_token, settings_header=settings, shared_keys=KEYS)


def test_token_parameter() -> None:
    """With a token check, a stream starts with its own token only, and the token is not kept in the call."""
    check = partial(_check, 1000.0)
    token = make_stream_token("CA1", 1060, NONCE, SECRET)
    foreign = make_stream_token("CA2", 1060, NONCE, SECRET)
    for parameters in ({}, {"token": ""}, {"token": "forged"}, {"token": foreign}):
        with pytest.raises(AuthenticationError):
            JsonStreamCodec(TWILIO, check_token=check).receive_text(_start(customParameters=parameters))

    events = JsonStreamCodec(TWILIO, check_token=check).receive_text(_start(customParameters={"token": token}))

    assert events == [CallStarted("CA1", "pcmu", 8000, ("caller", "agent"))]


def _check(now: float, token: str, call_sid: str) -> None:
    check_stream_token(token, call_sid, now, SECRET)


# ── SignalWire ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _signalwire(encoding: str = "audio/x-L16", rate_hz: int = 24000, channels: int = 1) -> tuple[JsonStreamCodec, Any]:
    codec = JsonStreamCodec(SIGNALWIRE)
    media_format = {"encoding": encoding, "sampleRate": rate_hz, "channels": channels}
    (started,) = codec.receive_text(_start(mediaFormat=media_format))
    return codec, started


@pytest.mark.parametrize(
    ("name", "rate_hz", "expected"),
    [
        ("audio/x-mulaw", 8000, ("pcmu", 8000)), ("audio/x-L16", 8000, ("l16", 8000)),
        ("audio/x-L16", 24000, ("l16", 24000)), ("audio/x-l16", 16000, ("l16", 16000)),
        ("audio/x-alaw", 8000, ("pcma", 8000)), ("audio/x-G722", 16000, ("g722", 8000)),
    ],
)
def test_signalwire_formats(name: str, rate_hz: int, expected: tuple[str, int]) -> None:
    """Each codec that a stream can ask for, at its own clock; of two tracks, it may count two channels."""
    for channels in (1, 2):
        _, started = _signalwire(name, rate_hz, channels)
        assert expected == (started.encoding, started.rate_hz)


@pytest.mark.parametrize(
    ("platform", "media_format"),
    [
        (TWILIO, {"encoding": "audio/x-L16", "sampleRate": 16000, "channels": 1}),
        (TWILIO, {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 2}),
        (SIGNALWIRE, {"encoding": "audio/x-mulaw", "sampleRate": 16000, "channels": 1}),
        (SIGNALWIRE, {"encoding": "audio/x-L16", "sampleRate": 44100, "channels": 1}),
        (SIGNALWIRE, {"encoding": "audio/x-L16", "sampleRate": 16000, "channels": 3}),
        (SIGNALWIRE, {"encoding": None, "sampleRate": 16000, "channels": 1}),
    ],
)
def test_unsupported_formats(platform: JsonPlatform, media_format: dict[str, Any]) -> None:
    """Twilio's streams are mu-law, and what nobody documents is refused."""
    with pytest.raises(PeerError) as raised:
        JsonStreamCodec(platform).receive_text(_start(mediaFormat=media_format))
    assert ("unsupported_media", 1003) == (raised.value.code, raised.value.close_code)


def test_signalwire_messages_within_messages() -> None:
    """As the reference shows them: the event within `rawEvent`, the stream's id without."""
    codec = JsonStreamCodec(SIGNALWIRE)
    bare = json.loads(_start(mediaFormat={"encoding": "audio/x-L16", "sampleRate": 16000, "channels": 1}))
    frame = b"\x01\x00" * 320

    def wrapped(**event: Any) -> str:
        return json.dumps({
            "timestamp": "2026-01-01T00:00:00.000Z", "direction": "inbound", "eventType": event["event"],
            "streamSid": "MZ1", "rawEvent": event,
        })

    assert [] == codec.receive_text(wrapped(event="connected", protocol="Call", version="0.2.0"))
    (started,) = codec.receive_text(wrapped(event="start", sequenceNumber="1", start=bare["start"]))
    assert isinstance(started, CallStarted)
    media = {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": base64.b64encode(frame).decode()}
    assert [AudioReceived("caller", 0, frame)] == codec.receive_text(wrapped(event="media", media=media))
    later = {**media, "chunk": "3", "timestamp": "40"}
    assert [MediaGap("caller", 320, 320), AudioReceived("caller", 640, frame)] == codec.receive_text(
        wrapped(event="media", media=later)
    )
    half = {**media, "chunk": "4", "timestamp": "60", "payload": base64.b64encode(b"\x01").decode()}
    assert [MediaDropped("caller", 960, 0, "corrupt")] == codec.receive_text(wrapped(event="media", media=half))
    assert [DtmfReceived("caller", "8")] == codec.receive_text(
        wrapped(event="dtmf", dtmf={"duration": 2700, "digit": "8"})
    )
    with pytest.raises(PeerError, match="another stream"):
        codec.receive_text(json.dumps({"streamSid": "MZ2", "rawEvent": {"event": "stop"}}))


def test_twilio_knows_no_messages_within_messages() -> None:
    """What is not in Twilio's protocol is not read."""
    with pytest.raises(PeerError):
        JsonStreamCodec(TWILIO).receive_text(json.dumps({"rawEvent": {"event": "connected"}}))
