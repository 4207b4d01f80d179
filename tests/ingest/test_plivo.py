"""The Plivo codec, the forms of its extra headers, and its V3 signature."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.events import (
    AudioReceived,
    CallEnded,
    CallStarted,
    DtmfReceived,
    MarkReceived,
    MediaDropped,
    MediaGap,
)
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.json_stream import JsonStreamCodec
from voiceguard.ingest.plivo import PLIVO, extra_headers
from voiceguard.ingest.plivo_auth import verify_signature

FRAME = b"\x01" * 160
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
NONCE = "05429567804466091622"
URL = "wss://calls.example.com/v1/stream/plivo"
# Signatures made with plivo 4.63.0, plivo.utils.signature_v3, for a GET.
SIGNED = "GXHcIkGSImUEM+d5d7o2AueL7YntJFjK5K6VBgVUWuA="
SIGNED_HTTPS_443 = "E5nWDj4I+JelMkwFWH2W5B0+OrO9p4eoJwjtLHiPf2Q="
SIGNED_QUERY = "Gh8ZxQTXhuG1ZCERSXVuNHbBwY74hsp2bnWLAsKN/vA="


def _start(encoding: str = "audio/x-mulaw", rate_hz: int = 8000, extra: Any = "", **fields: Any) -> str:
    start = {
        "callId": "C1", "streamId": "S1", "accountId": "MA1", "tracks": ["inbound", "outbound"],
        "mediaFormat": {"encoding": encoding, "sampleRate": rate_hz},
    }
    return json.dumps({"event": "start", "sequenceNumber": 1, "start": {**start, **fields}, "extra_headers": extra})


def _started(encoding: str = "audio/x-mulaw", rate_hz: int = 8000) -> JsonStreamCodec:
    codec = JsonStreamCodec(PLIVO, options=IngestOptions(max_gap_s=10.0))
    codec.receive_text(_start(encoding, rate_hz))
    return codec


def _media(chunk: int | None, payload: bytes = FRAME, track: str = "inbound") -> str:
    media: dict[str, Any] = {
        "track": track, "timestamp": "1705312200000", "payload": base64.b64encode(payload).decode()
    }
    if chunk is not None:
        media["chunk"] = chunk
    return json.dumps({"event": "media", "sequenceNumber": 42, "streamId": "S1", "media": media, "extra_headers": ""})


def test_start() -> None:
    """Extra headers that we know become fields, the others metadata."""
    extra = "customerRef=customer-1;consent=voiceAnalysis+enrol;userId=12345"

    assert JsonStreamCodec(PLIVO).receive_text(_start(extra=extra)) == [
        CallStarted(
            "C1", "pcmu", 8000, ("caller", "agent"), "customer-1", frozenset({"voice_analysis", "enrol"}),
            {"user_id": "12345"},
        )
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", {}), ("{}", {}), ("userId=12345;sessionId=abc-xyz", {"user_id": "12345", "session_id": "abc-xyz"}),
        ("{X-PH-key1: value1}", {"key1": "value1"}), ("{X-PH-a: 1, X-PH-b: 2}", {"a": "1", "b": "2"}),
        ('{"X-PH-customerRef":"c-1","consent":"voiceAnalysis"}', {"customer_ref": "c-1", "consent": "voice_analysis"}),
        ("a=1,b=2", {"a": "1", "b": "2"}), ("customer_ref=c=1", {"customer_ref": "c=1"}),
        ("name=%C3%A9t%C3%A9", {"name": "été"}), ("novalue;=3;ok=", {"ok": ""}),
        ("consent=voice_analysis+enrol", {"consent": "voice_analysis,enrol"}),
    ],
)
def test_extra_headers(value: str, expected: dict[str, str]) -> None:
    """All the forms that Plivo shows, and what cannot be read passed over."""
    assert expected == extra_headers(value)


@pytest.mark.parametrize(
    ("encoding", "rate_hz", "expected"),
    [
        ("audio/x-mulaw", 8000, "pcmu"), ("audio/x-l16", 8000, "l16"), ("audio/x-l16", 16000, "l16"),
        ("audio/x-mulaw", 16000, None), ("audio/x-l16", 24000, None), ("audio/opus", 48000, None),
    ],
)
def test_formats(encoding: str, rate_hz: int, expected: str | None) -> None:
    """Just those that a stream can ask for."""
    if expected is None:
        with pytest.raises(PeerError) as raised:
            JsonStreamCodec(PLIVO).receive_text(_start(encoding, rate_hz))
        assert ("unsupported_media", 1003) == (raised.value.code, raised.value.close_code)
    else:
        (started,) = JsonStreamCodec(PLIVO).receive_text(_start(encoding, rate_hz))
        assert isinstance(started, CallStarted)
        assert (expected, rate_hz) == (started.encoding, started.rate_hz)


def test_media() -> None:
    """What is missing, repeated, late or half a sample is told; each track has its own clock."""
    codec = _started("audio/x-l16", 16000)

    assert [AudioReceived("caller", 0, FRAME)] == codec.receive_text(_media(5))
    assert [AudioReceived("agent", 0, FRAME)] == codec.receive_text(_media(1, track="outbound"))
    assert [MediaGap("caller", 80, 160), AudioReceived("caller", 240, FRAME)] == codec.receive_text(_media(8))
    assert [MediaDropped("caller", 240, 80, "repeated")] == codec.receive_text(_media(8))
    assert [MediaDropped("caller", 160, 80, "late")] == codec.receive_text(_media(7))
    assert [MediaDropped("caller", 320, 0, "corrupt")] == codec.receive_text(_media(9, b"\x01"))
    assert [] == codec.receive_text(_media(9, b""))
    with pytest.raises(PeerError, match="leapt"):
        codec.receive_text(_media(10**9))


def test_media_without_numbers() -> None:
    """Where the messages are not numbered, audio follows audio."""
    codec = _started()

    assert [AudioReceived("caller", 0, FRAME)] == codec.receive_text(_media(None))
    assert [AudioReceived("caller", 160, FRAME)] == codec.receive_text(_media(None))


def test_keys_and_checkpoints() -> None:
    """Both arrive; a cleared buffer is passed over, and the `stop` of some examples ends the call."""
    codec = _started()

    assert [DtmfReceived("caller", "5")] == codec.receive_text(
        '{"event":"dtmf","streamId":"S1","dtmf":{"track":"inbound","digit":"5","timestamp":"1705312250000"}}'
    )
    assert [MarkReceived("m")] == codec.receive_text('{"event":"playedStream","streamId":"S1","name":"m"}')
    assert [] == codec.receive_text('{"event":"clearedAudio","streamId":"S1"}')
    assert [CallEnded("stopped")] == codec.receive_text('{"event":"stop","streamId":"S1"}')


# ── signatures ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        (URL, SIGNED), ("https://calls.example.com/v1/stream/plivo", SIGNED),
        ("wss://calls.example.com:443/v1/stream/plivo", SIGNED), (URL, SIGNED_HTTPS_443),
        (URL, f"AAAA,{SIGNED}"), (URL, f"{SIGNED}, AAAA"), (URL + "?b=2&a=1&a=%20x&c=", SIGNED_QUERY),
    ],
)
def test_signature(url: str, signature: str) -> None:
    """The signature holds however the origin is written, among others, and over the query in order."""
    verify_signature(url, signature, NONCE, AUTH_TOKEN)


@pytest.mark.parametrize(
    ("url", "signature", "nonce", "auth_token"),
    [
        (URL, None, NONCE, AUTH_TOKEN), (URL, "", NONCE, AUTH_TOKEN), (URL, SIGNED, None, AUTH_TOKEN),
        (URL, SIGNED, "", AUTH_TOKEN), (URL, SIGNED, NONCE + "0", AUTH_TOKEN), (URL, SIGNED, NONCE, AUTH_TOKEN + "0"),
        (URL + "/", SIGNED, NONCE, AUTH_TOKEN), (URL + "?a=1", SIGNED, NONCE, AUTH_TOKEN),
        ("wss://evil.example.com/v1/stream/plivo", SIGNED, NONCE, AUTH_TOKEN), (URL, SIGNED[:-2], NONCE, AUTH_TOKEN),
        (URL, "é\udc80", NONCE, AUTH_TOKEN), (URL, SIGNED, "é\udc80", AUTH_TOKEN), ("", SIGNED, NONCE, AUTH_TOKEN),
        (URL, ",,,", NONCE, AUTH_TOKEN),
    ],
)
def test_signature_refused(url: str, signature: str | None, nonce: str | None, auth_token: str) -> None:
    """Missing, altered, of another URL, nonce or account: refused."""
    with pytest.raises(AuthenticationError):
        verify_signature(url, signature, nonce, auth_token)


@given(st.text(), st.none() | st.text(), st.none() | st.text())
def test_any_signature(url: str, signature: str | None, nonce: str | None) -> None:
    """Nothing that can stand in a header is accepted or raises anything else."""
    for requested in (url, URL + "?" + url):
        with pytest.raises(AuthenticationError):
            verify_signature(requested, signature, nonce, AUTH_TOKEN)
