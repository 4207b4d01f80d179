"""The Twilio codec: what its events hold, its two gates, and what no input can make it do."""

from __future__ import annotations

import base64
import contextlib
import json
from collections import defaultdict
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.events import AudioReceived, CallStarted, DtmfReceived, MarkReceived, MediaDropped, MediaGap
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.twilio import ALLOWED_IN, TwilioCodec, check_stream_token, make_stream_token, verify_signature

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
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8,
)


def _start(**fields: Any) -> str:
    start = {
        "callSid": "CA1", "streamSid": "MZ1", "tracks": ["inbound", "outbound"], "customParameters": {},
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    }
    return json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {**start, **fields}})


def _started() -> TwilioCodec:
    codec = TwilioCodec(options=IngestOptions(max_text_bytes=10**6))
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

    assert TwilioCodec().receive_text(_start(tracks=["outbound", "inbound"], customParameters=parameters)) == [
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


def test_unknown_is_ignored() -> None:
    """Unknown events and binary messages are counted and do nothing; nothing of ours is said to Twilio."""
    codec = _started()

    assert codec.receive_text('{"event":"applause"}') == codec.receive_binary(b"\x00") == []
    assert codec.ignored == 2
    assert [] == codec.encode({"type": "risk"})


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


def test_token() -> None:
    """A token gives its nonce for its call until it ends."""
    token = make_stream_token("CA1", 1060, NONCE, SECRET)

    assert check_stream_token(token, "CA1", 1000.0, SECRET) == NONCE


@pytest.mark.parametrize(
    ("call_sid", "now", "secret"),
    [("CA2", 1000.0, SECRET), ("CA1", 1060.0, SECRET), ("CA1", 1060.0 - 3601, SECRET), ("CA1", 1000.0, "other")],
    ids=["another call", "too late", "too early", "another secret"],
)
def test_token_refused(call_sid: str, now: float, secret: str) -> None:
    """Another call's, old, made for too long, or forged."""
    with pytest.raises(AuthenticationError):
        check_stream_token(make_stream_token("CA1", 1060, NONCE, SECRET), call_sid, now, secret)


@given(at=st.integers(0, 200), character=st.characters())
def test_token_altered(at: int, character: str) -> None:
    """No character of a token can be changed."""
    token = make_stream_token("CA1", 1060, NONCE, SECRET)
    at %= len(token)
    altered = token[:at] + character + token[at + 1 :]
    if altered != token:
        with pytest.raises(AuthenticationError):
            check_stream_token(altered, "CA1", 1000.0, SECRET)


def test_nonce_form() -> None:
    """A nonce that could be guessed or could blur the token's fields is refused."""
    for nonce in ("short", "dots.dots.dots.dots"):
        with pytest.raises(ValueError, match="nonce"):
            make_stream_token("CA1", 1060, nonce, SECRET)


def test_token_parameter() -> None:
    """With a token check, a stream starts with its own token only, and the token is not kept in the call."""
    check = partial(_check, 1000.0)
    token = make_stream_token("CA1", 1060, NONCE, SECRET)
    foreign = make_stream_token("CA2", 1060, NONCE, SECRET)
    for parameters in ({}, {"token": ""}, {"token": "forged"}, {"token": foreign}):
        with pytest.raises(AuthenticationError):
            TwilioCodec(token=check).receive_text(_start(customParameters=parameters))

    events = TwilioCodec(token=check).receive_text(_start(customParameters={"token": token}))

    assert events == [CallStarted("CA1", "pcmu", 8000, ("caller", "agent"))]


def _check(now: float, token: str, call_sid: str) -> None:
    check_stream_token(token, call_sid, now, SECRET)


@given(frames=st.lists(st.text() | st.binary(), max_size=5), started=st.booleans())
@example(frames=["\ud800"], started=False)
@example(frames=['{"event":"start","start":' + "{" * 100_000], started=False)
def test_any_frame(frames: list[str | bytes], started: bool) -> None:
    """Whatever text or bytes come, only PeerError is raised."""
    codec = _started() if started else TwilioCodec(token=partial(_check, 1000.0))
    for frame in frames:
        with contextlib.suppress(PeerError):
            codec.receive_text(frame) if isinstance(frame, str) else codec.receive_binary(frame)


@given(
    st.sampled_from([*ALLOWED_IN]), st.booleans(), JSON,
    st.dictionaries(st.sampled_from(["callSid", "streamSid", "tracks", "customParameters", "mediaFormat", "track",
                                     "chunk", "timestamp", "payload", "digit", "name"]), JSON),
)
def test_any_field(event: str, started: bool, stream_sid: Any, fields: dict[str, Any]) -> None:
    """Whatever a known field holds, only PeerError is raised."""
    codec = _started() if started else TwilioCodec(token=partial(_check, 1000.0))
    body = {**json.loads(_start())["start"], "track": "inbound", "timestamp": "0", "payload": "/w==", **fields}
    message = {"event": event, "streamSid": stream_sid, event: body}
    for text in (json.dumps(message), json.dumps({**message, "streamSid": "MZ1"})):
        with contextlib.suppress(PeerError):
            codec.receive_text(text)
