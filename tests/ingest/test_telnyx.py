"""The Telnyx codec: order restored, and every codec at its clock."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.errors import PeerError
from voiceguard.events import (
    AudioReceived,
    CallEnded,
    CallStarted,
    DtmfReceived,
    MarkReceived,
    MediaDropped,
    MediaGap,
    WireEvent,
)
from voiceguard.ingest.json_stream import JsonPlatform, JsonStreamCodec
from voiceguard.ingest.reorder import REORDERED
from voiceguard.ingest.telnyx import TELNYX, TELNYX_BIG_ENDIAN

FRAME = b"\x01" * 160


def _start(encoding: str = "PCMU", sample_rate: int = 8000, **fields: Any) -> str:
    start = {
        "user_id": "3E6F995F", "call_control_id": "v2:T02llQxI-_1", "call_session_id": "ff55a038", "from": "+13122010",
        "to": "+13122123456", "tags": ["TAG1"], "client_state": "aGF2ZQ==", "custom_parameters": {},
        "media_format": {"encoding": encoding, "sample_rate": sample_rate, "channels": 1},
    }
    return json.dumps({"event": "start", "sequence_number": "1", "stream_id": "S1", "start": {**start, **fields}})


def _started(encoding: str = "PCMU", sample_rate: int = 8000, platform: JsonPlatform = TELNYX) -> JsonStreamCodec:
    codec = JsonStreamCodec(platform)
    codec.receive_text('{"event":"connected","version":"1.0.0"}')
    codec.receive_text(_start(encoding, sample_rate))
    return codec


def _media(chunk: int, payload: bytes = FRAME, track: str = "inbound") -> str:
    media = {
        "track": track, "chunk": str(chunk), "timestamp": str(5 * chunk), "payload": base64.b64encode(payload).decode(),
    }
    return json.dumps({"event": "media", "sequence_number": "4", "stream_id": "S1", "media": media})


def _fed(codec: JsonStreamCodec, messages: Iterable[str]) -> list[WireEvent]:
    return [event for message in messages for event in codec.receive_text(message)]


def test_start() -> None:
    """Custom parameters that we know become fields, the others metadata; both tracks may come."""
    parameters = {"customer_ref": "customer-1", "consent": "voice_analysis, enrol", "queue": "billing", "token": "x"}

    assert JsonStreamCodec(TELNYX).receive_text(_start(custom_parameters=parameters)) == [
        CallStarted(
            "v2:T02llQxI-_1", "pcmu", 8000, ("caller", "agent"), "customer-1", frozenset({"voice_analysis", "enrol"}),
            {"queue": "billing"},
        )
    ]


@pytest.mark.parametrize(
    ("encoding", "sample_rate", "expected"),
    [
        ("PCMU", 8000, ("pcmu", 8000)), ("audio/x-mulaw", 8000, ("pcmu", 8000)), ("PCMA", 8000, ("pcma", 8000)),
        ("G722", 16000, ("g722", 8000)), ("G722", 8000, ("g722", 8000)), ("OPUS", 16000, ("opus", 48000)),
        ("L16", 16000, ("l16", 16000)), ("L16", 24000, ("l16", 24000)),
    ],
)
def test_formats(encoding: str, sample_rate: int, expected: tuple[str, int]) -> None:
    """Each codec at the clock of its RTP, whatever rate is told; L16 at its own."""
    (started,) = JsonStreamCodec(TELNYX).receive_text(_start(encoding, sample_rate))

    assert isinstance(started, CallStarted)
    assert expected == (started.encoding, started.rate_hz)


@pytest.mark.parametrize(
    "media_format",
    [
        {"encoding": "AMR-WB", "sample_rate": 16000}, {"encoding": "L16", "sample_rate": 11025},
        {"encoding": "PCMU", "sample_rate": 8000, "channels": 2}, {"encoding": None, "sample_rate": 8000},
    ],
)
def test_unsupported_formats(media_format: dict[str, Any]) -> None:
    """What we cannot decode is refused at the start."""
    with pytest.raises(PeerError) as raised:
        JsonStreamCodec(TELNYX).receive_text(_start(media_format=media_format))
    assert ("unsupported_media", 1003) == (raised.value.code, raised.value.close_code)


@given(st.permutations(range(1, REORDERED + 1)))
def test_order_is_restored(numbers: list[int]) -> None:
    """Frames that come in any order come out in their own, each track apart."""
    codec = _started()
    events = _fed(codec, (_media(number, bytes([number]) * 160) for number in numbers))
    events += _fed(codec, (_media(number, b"\xff" * 160, "outbound") for number in reversed(numbers)))
    stopped = codec.receive_text('{"event":"stop","stream_id":"S1"}')

    assert [AudioReceived("caller", 160 * (n - 1), bytes([n]) * 160) for n in range(1, REORDERED + 1)] == [
        event for event in events if isinstance(event, AudioReceived) and event.channel == "caller"
    ]
    assert CallEnded("stopped") == stopped[-1]


def test_what_waits_at_the_end_is_heard() -> None:
    """Frames behind one that never came are used when the call stops, and when the socket is lost."""
    for end in (lambda codec: codec.receive_text('{"event":"stop","stream_id":"S1"}'), JsonStreamCodec.connection_lost):
        codec = _started()
        assert [AudioReceived("caller", 0, FRAME)] == _fed(codec, [_media(1), _media(3)])
        last = end(codec)
        assert [MediaGap("caller", 160, 160), AudioReceived("caller", 320, FRAME)] == last[:2]
        assert isinstance(last[2], CallEnded)


def test_opus() -> None:
    """Packets last as long as they say, a gap as long as the packet behind it, and a malformed one is told."""
    codec = _started("OPUS", 16000)
    twenty, sixty = b"\x08\x01", b"\x18\x01"

    assert [AudioReceived("caller", 0, twenty)] == codec.receive_text(_media(1, twenty))
    assert [MediaDropped("caller", 960, 0, "corrupt")] == codec.receive_text(_media(2, b"\x03"))
    assert [MediaGap("caller", 960, 2880), AudioReceived("caller", 3840, sixty)] == codec.receive_text(
        _media(3, sixty)
    )


def test_l16_in_network_order() -> None:
    """A setting swaps the bytes of L16, and of nothing else."""
    assert [AudioReceived("caller", 0, b"\x01\x02\x03\x04")] == _started(
        "L16", 16000, platform=TELNYX_BIG_ENDIAN
    ).receive_text(_media(1, b"\x02\x01\x04\x03"))
    assert [MediaDropped("caller", 0, 0, "corrupt")] == _started("L16", 16000, platform=TELNYX_BIG_ENDIAN).receive_text(
        _media(1, b"\x02\x01\x04")
    )
    assert [AudioReceived("caller", 0, b"\x02\x01")] == _started(platform=TELNYX_BIG_ENDIAN).receive_text(
        _media(1, b"\x02\x01")
    )


def test_key_whose_message_comes_twice_is_one_key() -> None:
    """A repeated number is passed over, and a key pressed twice has two."""
    codec = _started()
    key = '{"event":"dtmf","stream_id":"S1","sequence_number":"%d","dtmf":{"digit":"1"}}'

    assert [1, 0, 1, 0] == [len(codec.receive_text(key % number)) for number in (5, 5, 6, 5)]


def test_keys_marks_and_errors() -> None:
    """Keys and marks arrive; Telnyx's errors and empty payloads are passed over."""
    codec = _started()

    assert [DtmfReceived("caller", "1")] == codec.receive_text(
        '{"event":"dtmf","stream_id":"S1","occurred_at":"2025-06-05T08:54:19Z","sequence_number":"5",'
        '"dtmf":{"digit":"1"}}'
    )
    assert [MarkReceived("m")] == codec.receive_text('{"event":"mark","stream_id":"S1","mark":{"name":"m"}}')
    assert [] == codec.receive_text('{"event":"error","payload":{"code":100002,"title":"unknown_error"}}')
    assert [] == codec.receive_text(_media(1, b""))
    assert 1 == codec.ignored
