"""What the codec of JSON streams does alike for every platform: the order of events, keys, marks and the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import pytest

from tests.ingest.promises import keeps_limits
from voiceguard.errors import PeerError
from voiceguard.events import AudioReceived, CallEnded, DtmfReceived, MarkReceived, WireEvent
from voiceguard.ingest.json_stream import JsonPlatform, JsonStreamCodec, State
from voiceguard.ingest.plivo import PLIVO
from voiceguard.ingest.telnyx import TELNYX
from voiceguard.ingest.twilio import SIGNALWIRE, TWILIO


class Case(NamedTuple):
    """A platform, and what its messages hold."""

    platform: JsonPlatform
    start: Mapping[str, Any]
    mark: Mapping[str, Any]


TWILIO_START = {
    "start": {
        "callSid": "call-1", "streamSid": "stream-1", "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    },
}
MARK = {"event": "mark", "mark": {"name": "greeting"}}
CASES = {
    "twilio": Case(TWILIO, TWILIO_START, MARK),
    "signalwire": Case(SIGNALWIRE, TWILIO_START, MARK),
    "telnyx": Case(TELNYX, {
        "stream_id": "stream-1", "start": {
            "call_control_id": "call-1", "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
        },
    }, MARK),
    "plivo": Case(PLIVO, {
        "start": {
            "callId": "call-1", "streamId": "stream-1", "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
        },
    }, {"event": "playedStream", "name": "greeting"}),
}
each_platform = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def said(case: Case, event: str) -> str:
    """The platform's message of one event."""
    bodies: dict[str, Mapping[str, Any]] = {
        "start": case.start, "media": {"media": {"chunk": "1", "timestamp": "0", "payload": "/w=="}},
        "dtmf": {"dtmf": {"digit": "5"}}, str(case.mark["event"]): case.mark,
    }
    return json.dumps({"event": event, **bodies.get(event, {})})


def in_state(case: Case, state: State) -> JsonStreamCodec:
    """A codec whose stream is in this state."""
    codec = JsonStreamCodec(case.platform)
    for event in {"idle": (), "connected": ("connected",), "open": ("start",), "ended": ("start", "stop")}[state]:
        codec.receive_text(said(case, event))
    return codec


@each_platform
def test_event_is_allowed_where_the_table_says(case: Case) -> None:
    """Each event is taken in the states of its platform's table, and refused in every other; media, keys and marks
    before the start cost nothing."""
    meaning: dict[str, list[WireEvent]] = {
        "media": [AudioReceived("caller", 0, b"\xff")], "dtmf": [DtmfReceived("caller", "5")],
        "mark": [MarkReceived("greeting")], "playedStream": [MarkReceived("greeting")],
        "stop": [CallEnded("stopped")], "connected": [],
    }
    states: list[State] = ["idle", "open", "ended"]
    for state in states if case.platform is PLIVO else [*states, "connected"]:
        for event, allowed in case.platform.allowed_in.items():
            codec = in_state(case, state)
            if state not in allowed and state != "ended" and event in ("media", "dtmf", "mark", "playedStream"):
                assert [] == codec.receive_text(said(case, event))
            elif state not in allowed:
                with pytest.raises(PeerError) as raised:
                    codec.receive_text(said(case, event))
                assert ("out_of_order", 1008) == (raised.value.code, raised.value.close_code)
            elif event in meaning:
                assert meaning[event] == codec.receive_text(said(case, event))


@each_platform
def test_message_of_another_stream_is_refused(case: Case) -> None:
    """A message may leave the stream's id out, and may not name another."""
    codec = in_state(case, "open")

    with pytest.raises(PeerError) as raised:
        codec.receive_text(json.dumps({"event": "stop", case.platform.stream_id: "stream-2"}))
    assert ("wrong_stream", 1008) == (raised.value.code, raised.value.close_code)
    assert [CallEnded("stopped")] == codec.receive_text(
        json.dumps({"event": "stop", case.platform.stream_id: "stream-1"})
    )


@each_platform
def test_lost_connection_ends_an_open_call_once(case: Case) -> None:
    """A call that did not start, or that ended, cannot vanish."""
    for state, expected in (("idle", []), ("open", [CallEnded("vanished")]), ("ended", [])):
        codec = in_state(case, state)  # type: ignore[arg-type]
        assert (expected, []) == (codec.connection_lost(), codec.connection_lost())


@each_platform
def test_unknown_events_and_binary_messages_are_ignored(case: Case) -> None:
    """Both are counted, and nothing of ours is said to the platform."""
    codec = in_state(case, "open")

    assert [] == codec.receive_text('{"event":"applause"}') == codec.receive_binary(b"\x00")
    assert 2 == codec.ignored
    assert [] == codec.encode({"type": "risk"})


@each_platform
def test_limits(case: Case) -> None:
    """The largest message passes, and one byte more does not."""
    keeps_limits(partial(JsonStreamCodec, case.platform))
