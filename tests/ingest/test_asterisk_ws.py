"""The codec of Asterisk's websocket channel: both control formats, and what they mean."""

from __future__ import annotations

import contextlib
import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voiceguard.errors import PeerError
from voiceguard.events import AudioReceived, CallEnded, CallStarted, DtmfReceived, Encoding
from voiceguard.ingest.asterisk_ws import FORMATS, AsteriskCodec
from voiceguard.ingest.media import MAX_EARLY_BYTES

START = (
    "MEDIA_START connection_id:voiceguard channel:WebSocket/voiceguard/0x7f80 channel_id:pbx-1700000000.12 "
    "format:ulaw optimal_frame_size:160 ptime:20"
)
REGISTERED = "40325ec2-5efd-4bd3-805f-53576e581d13"
OTHERS = [
    "MEDIA_XON", "MEDIA_XOFF", "QUEUE_DRAINED", "MEDIA_BUFFERING_COMPLETED", "MEDIA_BUFFERING_COMPLETED 42",
    "MEDIA_MARK_PROCESSED here", "APPLAUSE loud:very",
    "STATUS channel_id:1.2 queue_length:0 xon_level:800 xoff_level:900 queue_full:false bulk_media:false "
    "media_paused:false", "ERROR channel_id:1.2 error_text:MARK_MEDIA not supported: in passthrough mode",
]
"""Every event of 22.10 that says nothing to us, and one that no version has."""


def as_json(**changes: Any) -> str:
    """MEDIA_START with JSON control messages; None leaves a field out."""
    fields: dict[str, Any] = {
        "event": "MEDIA_START", "connection_id": "voiceguard", "channel": "WebSocket/voiceguard/0x7f80",
        "channel_id": "1700000000.12", "format": "slin16", "optimal_frame_size": 640, "ptime": 20,
        "channel_variables": {},
    }
    return json.dumps({name: value for name, value in (fields | changes).items() if value is not None})


def _started(text: str = START) -> AsteriskCodec:
    codec = AsteriskCodec()
    codec.receive_text(text)
    return codec


def _refused(codec: AsteriskCodec, frame: str | bytes) -> str:
    with pytest.raises(PeerError) as refusal:
        codec.receive_text(frame) if isinstance(frame, str) else codec.receive_binary(frame)
    return refusal.value.code


def test_plain_text_start() -> None:
    """The channel's unique id names the call, unless the URI does."""
    assert [CallStarted("pbx-1700000000.12", "pcmu", 8000, ("caller",))] == AsteriskCodec().receive_text(START)
    parameters = {
        "call_id": "1700000000.7", "customer_ref": "customer-1", "consent": "voice_analysis, enrol", "queue": "billing",
    }
    assert [
        CallStarted(
            "1700000000.7", "pcmu", 8000, ("caller",), "customer-1", frozenset({"voice_analysis", "enrol"}),
            {"queue": "billing"},
        )
    ] == AsteriskCodec(parameters).receive_text(START)


def test_json_start() -> None:
    """Channel variables of our prefix say the same; others are not looked at, and neither are parameters, which may be
    those of another call."""
    variables = {
        "VOICEGUARD_CUSTOMER_REF": "customer-1", "__VOICEGUARD_CONSENT": "voice_analysis",
        "VOICEGUARD_QUEUE": "billing", "SIPCALLID": "secret@example", "CALLERID": "+4930111111",
    }
    codec = AsteriskCodec({"trunk": "north", "registered": REGISTERED})
    (started,) = codec.receive_text(as_json(channel_variables=variables))

    assert started == CallStarted(
        "1700000000.12", "l16", 16000, ("caller",), "customer-1", frozenset({"voice_analysis"}), {"queue": "billing"}
    )


@pytest.mark.parametrize(("name", "meaning"), FORMATS.items())
def test_formats(name: str, meaning: tuple[Encoding, int]) -> None:
    """Asterisk's names of codecs, and what they are."""
    (started,) = AsteriskCodec().receive_text(as_json(format=name))

    assert isinstance(started, CallStarted)
    assert meaning == (started.encoding, started.rate_hz)


def test_registered() -> None:
    """The UUID of a registered call is for the driver, and no metadata."""
    codec = AsteriskCodec({"registered": REGISTERED})
    (started,) = codec.receive_text(START)

    assert isinstance(started, CallStarted)
    assert (UUID(REGISTERED), {}) == (codec.registered, started.metadata)


def test_audio() -> None:
    """Samples follow each other, whole, at their width."""
    narrow, wide = _started(), _started(as_json())

    assert [AudioReceived("caller", 0, b"abc")] == narrow.receive_binary(b"abc")
    assert [AudioReceived("caller", 3, b"d")] == narrow.receive_binary(b"d")
    assert [AudioReceived("caller", 0, b"ab")] == wide.receive_binary(b"abc")
    assert [AudioReceived("caller", 1, b"cd")] == wide.receive_binary(b"d")
    assert [] == wide.receive_binary(b"")


@pytest.mark.parametrize(
    "text", ["DTMF_END digit:5", "DTMF_END digit:5 channel_id:1700000000.12",
             '{"event":"DTMF_END","channel_id":"1700000000.12","digit":"5"}'],
    ids=["20.16", "plain", "json"],
)
def test_key(text: str) -> None:
    """As each version words it."""
    assert [DtmfReceived("caller", "5")] == _started().receive_text(text)


@pytest.mark.parametrize("text", [*OTHERS, *(json.dumps({"event": other.split()[0]}) for other in OTHERS)])
def test_other_events(text: str) -> None:
    """Flow control and the like are skipped: we send no media."""
    codec = _started()

    assert [] == codec.receive_text(text)
    assert 1 == codec.ignored


def test_fax_tone() -> None:
    """A key that is none is skipped."""
    assert [] == _started().receive_text("DTMF_END digit:f")


def test_commands() -> None:
    """ANSWER lets the call in, HANGUP ends it, once, in the format of the start and in at most 128 bytes."""
    for codec, worded in ((_started(), "{0}"), (_started(as_json()), '{{"command":"{0}"}}')):
        assert [worded.format("ANSWER")] == codec.encode({"type": "started"})
        assert [] == codec.encode({"type": "risk"}) + codec.encode({"type": "decision"})
        assert [worded.format("HANGUP")] == codec.encode({"type": "stopped"})
        assert [] == codec.encode({"type": "error"})


def test_audio_before_the_call_starts_waits_for_it() -> None:
    """Under load Asterisk's first frames come before MEDIA_START; keys and flow control before it are passed over."""
    codec = AsteriskCodec()

    assert [] == codec.receive_binary(b"\xff" * 160) == codec.receive_text("DTMF_END digit:5")
    assert [] == codec.receive_binary(b"\xfe" * 160) == codec.receive_text("MEDIA_XON")
    assert [
        CallStarted("pbx-1700000000.12", "pcmu", 8000, ("caller",)),
        AudioReceived("caller", 0, b"\xff" * 160 + b"\xfe" * 160),
    ] == codec.receive_text(START)
    assert [AudioReceived("caller", 320, b"\xfd")] == codec.receive_binary(b"\xfd")
    assert 2 == codec.ignored


def test_connection_lost() -> None:
    """Only a call that had begun is lost, once."""
    codec = _started()

    assert [] == AsteriskCodec().connection_lost()
    assert [CallEnded("vanished")] == codec.connection_lost()
    assert [] == codec.connection_lost()
    assert "out_of_order" == _refused(codec, "MEDIA_XON")


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "bad_message"), ("{", "bad_json"), ("{}", "bad_message"), ('{"event":7}', "bad_message"),
        (bytes(MAX_EARLY_BYTES + 1), "out_of_order"),
        ("MEDIA_START channel_id:1.2", "bad_message"), ("MEDIA_START channel_id:1.2 format:opus", "unsupported_media"),
        ("MEDIA_START format:ulaw", "bad_message"), (as_json(channel_id="../etc"), "bad_message"),
        (as_json(format=7), "bad_message"),
        (as_json(channel_variables={"VOICEGUARD_REGISTERED": "not one"}), "bad_message"),
        ("MEDIA_START " + "x" * 70000, "too_big"),
    ],
)
def test_refused_before_the_start(frame: str | bytes, code: str) -> None:
    """Each is told, and changes nothing."""
    codec = AsteriskCodec()

    assert code == _refused(codec, frame)
    assert [CallStarted("pbx-1700000000.12", "pcmu", 8000, ("caller",))] == codec.receive_text(START)


@pytest.mark.parametrize(
    ("frame", "code"),
    [(START, "out_of_order"), ('{"event":5}', "bad_message"), (bytes(70000), "too_big")],
)
def test_refused_in_a_call(frame: str | bytes, code: str) -> None:
    """Each is told, and changes nothing."""
    codec = _started()

    assert code == _refused(codec, frame)
    assert [AudioReceived("caller", 0, b"a")] == codec.receive_binary(b"a")


@given(st.dictionaries(st.text() | st.sampled_from(["call_id", "consent", "registered"]), st.text(), max_size=3))
@example({"consent": "\ud800"})
def test_any_parameters(parameters: dict[str, str]) -> None:
    """Whatever the URI says, a call starts or is refused."""
    with contextlib.suppress(PeerError):
        AsteriskCodec(parameters).receive_text(START)
