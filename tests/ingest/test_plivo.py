"""The Plivo codec, the forms of its extra headers, its V3 signature, and what no input can make them do."""

from __future__ import annotations

import base64
import contextlib
import json
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.ingest.promises import keeps_limits, takes_anything
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
from voiceguard.ingest.plivo import ALLOWED_IN, PLIVO, extra_headers
from voiceguard.ingest.plivo_auth import verify_signature

FRAME = b"\x01" * 160
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8,
)
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


def test_the_rest() -> None:
    """Keys and checkpoints arrive; what is unknown and binary messages are passed over."""
    codec = _started()

    assert [DtmfReceived("caller", "5")] == codec.receive_text(
        '{"event":"dtmf","streamId":"S1","dtmf":{"track":"inbound","digit":"5","timestamp":"1705312250000"}}'
    )
    assert [MarkReceived("m")] == codec.receive_text('{"event":"playedStream","streamId":"S1","name":"m"}')
    assert [] == codec.receive_text('{"event":"clearedAudio","streamId":"S1"}') == codec.receive_binary(b"\x00")
    assert 2 == codec.ignored
    assert [] == codec.encode({"type": "risk"})
    assert [CallEnded("stopped")] == codec.receive_text('{"event":"stop","streamId":"S1"}')

def test_limits() -> None:
    """The largest message passes, and one byte more does not."""
    keeps_limits(partial(JsonStreamCodec, PLIVO))


class PlivoStream(RuleBasedStateMachine):
    """A stream whose messages come in any order: it never breaks its promises."""

    def __init__(self) -> None:
        super().__init__()
        self.codec = JsonStreamCodec(PLIVO, options=IngestOptions(max_gap_s=10.0))
        self.state = "idle"
        self.position = {"caller": 0, "agent": 0}
        self.ended = 0

    def give(self, text: str, event: str) -> None:
        """One message; events come only where the protocol allows it."""
        try:
            events = self.codec.receive_text(text)
        except PeerError as error:
            assert self.state not in ALLOWED_IN[event] or "gap_too_long" == error.code
            return
        assert self.state in ALLOWED_IN[event]
        for one in events:
            if isinstance(one, AudioReceived | MediaGap):
                assert self.position[one.channel] == one.start_sample
                self.position[one.channel] += one.samples if isinstance(one, MediaGap) else len(one.payload)
            self.ended += isinstance(one, CallEnded)
        self.state = {"start": "open", "stop": "ended"}.get(event, self.state)

    @rule()
    def start(self) -> None:
        self.give(_start(), "start")

    @rule(
        chunk=st.none() | st.integers(0, 60) | st.integers(0, 10**14), size=st.integers(1, 320), inbound=st.booleans()
    )
    def media(self, chunk: int | None, size: int, inbound: bool) -> None:
        self.give(_media(chunk, b"\xff" * size, "inbound" if inbound else "outbound"), "media")

    @rule(digit=st.sampled_from("0123456789*#"))
    def dtmf(self, digit: str) -> None:
        self.give(json.dumps({"event": "dtmf", "streamId": "S1", "dtmf": {"digit": digit}}), "dtmf")

    @rule(message=JSON)
    def rubbish(self, message: Any) -> None:
        with contextlib.suppress(PeerError):
            assert [] == self.codec.receive_text(json.dumps(message))

    @rule()
    def stop(self) -> None:
        self.give('{"event":"stop","streamId":"S1"}', "stop")

    @rule()
    def lost(self) -> None:
        events = self.codec.connection_lost()
        assert ([CallEnded("vanished")] if self.state == "open" else []) == events
        self.ended += len(events)
        self.state = "ended" if events else self.state

    @invariant()
    def ends_once(self) -> None:
        assert self.ended == (self.state == "ended")


TestPlivoStream = PlivoStream.TestCase


@given(frames=st.lists(st.text() | st.binary(), max_size=5), started=st.booleans())
@example(frames=["\ud800"], started=False)
def test_any_frame(frames: list[str | bytes], started: bool) -> None:
    """Whatever text or bytes come, only PeerError is raised."""
    codec = _started() if started else JsonStreamCodec(PLIVO)
    takes_anything(codec, frames)


@given(
    st.sampled_from([*ALLOWED_IN]), st.booleans(), JSON, st.text() | JSON,
    st.dictionaries(st.sampled_from(["callId", "streamId", "tracks", "mediaFormat", "track", "chunk", "timestamp",
                                     "payload", "digit"]), JSON),
)
def test_any_field(event: str, started: bool, stream_id: Any, extra: Any, fields: dict[str, Any]) -> None:
    """Whatever a known field holds, only PeerError is raised."""
    codec = _started() if started else JsonStreamCodec(PLIVO)
    body = {**json.loads(_start())["start"], "track": "inbound", "payload": "/w==", **fields}
    message = {"event": event, "streamId": stream_id, "name": stream_id, "extra_headers": extra, event: body}
    for text in (json.dumps(message), json.dumps({**message, "streamId": "S1"})):
        with contextlib.suppress(PeerError):
            codec.receive_text(text)


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
