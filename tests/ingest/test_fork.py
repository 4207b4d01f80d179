"""The codec of FreeSWITCH's media forks: the call's attributes, and its audio."""

from __future__ import annotations

import json
from typing import Any

import pytest

from voiceguard.errors import PeerError
from voiceguard.events import (
    AudioReceived,
    CallEnded,
    CallStarted,
    DtmfReceived,
    IntentDeclared,
    TranscriptReceived,
    WireEvent,
)
from voiceguard.ingest.fork import RATES_HZ, Dialect, ForkCodec
from voiceguard.ingest.media import MAX_EARLY_BYTES

PLAIN = Dialect("call_id", None, lambda message: [dict(message)])
FEW = Dialect("id", frozenset({"queue"}), lambda message: [])
START: dict[str, Any] = {"call_id": "call-1"}


def begin(**changes: Any) -> list[WireEvent]:
    """What a first message gives."""
    return ForkCodec(PLAIN).receive_text(json.dumps(START | changes))


def _started(**changes: Any) -> ForkCodec:
    codec = ForkCodec(PLAIN)
    codec.receive_text(json.dumps(START | changes))
    return codec


def _refused(codec: ForkCodec, frame: str | bytes) -> str:
    with pytest.raises(PeerError) as refusal:
        codec.receive_text(frame) if isinstance(frame, str) else codec.receive_binary(frame)
    return refusal.value.code


def test_least_attributes() -> None:
    """Mono at 8 kHz where nothing else is said."""
    assert [CallStarted("call-1", "l16", 8000, ("caller",))] == begin()


def test_all_attributes() -> None:
    """Known fields go where they belong, all others into the metadata."""
    assert [
        CallStarted(
            "call-1", "l16", 16000, ("caller", "agent"), "customer-1", frozenset({"voice_analysis", "enrol"}),
            {"queue": "billing"},
        )
    ] == begin(
        mixType="stereo", sampleRate=16000, customer_ref="customer-1", consent=["voice_analysis", "enrol"],
        queue="billing",
    )
    assert begin(consent="voice_analysis, enrol") == begin(consent=["enrol", "voice_analysis"])


def test_dialect() -> None:
    """Another name for the call, and few fields that are kept, of whatever type the others are."""
    text = json.dumps({"id": "call-1", "queue": "billing", "from": "+4930111111", "status": 200, "headers": {"a": []}})

    assert [CallStarted("call-1", "l16", 8000, ("caller",), metadata={"queue": "billing"})] == ForkCodec(
        FEW
    ).receive_text(text)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_rates(rate_hz: int) -> None:
    """Each multiple of 8 kHz up to 48, as a number or its digits."""
    assert [CallStarted("call-1", "l16", rate_hz, ("caller",))] == begin(sampleRate=rate_hz)
    assert begin(sampleRate=rate_hz) == begin(sampleRate=str(rate_hz))


def test_stereo_is_read_left_and_written_right() -> None:
    """Of the channel that the fork hangs on, which `channels` can say is the agent's."""
    left_right = b"LlRrLlRr"

    assert [AudioReceived("caller", 0, b"LlLl"), AudioReceived("agent", 0, b"RrRr")] == _started(
        mixType="stereo"
    ).receive_binary(left_right)
    assert [AudioReceived("agent", 0, b"LlLl"), AudioReceived("caller", 0, b"RrRr")] == _started(
        mixType="stereo", channels=["agent", "caller"]
    ).receive_binary(left_right)


def test_early_audio_waits() -> None:
    """Frames that overtook the attributes follow them, in their places."""
    codec = ForkCodec(PLAIN)
    assert [] == codec.receive_binary(b"ab") + codec.receive_binary(b"cd")

    assert [CallStarted("call-1", "l16", 8000, ("caller",)), AudioReceived("caller", 0, b"abcd")] == codec.receive_text(
        json.dumps(START)
    )
    assert [AudioReceived("caller", 2, b"ef")] == codec.receive_binary(b"ef")


def test_early_audio_is_not_hoarded() -> None:
    """More than a second without a word about the call is refused."""
    codec = ForkCodec(PLAIN)
    codec.receive_binary(bytes(MAX_EARLY_BYTES))

    assert "out_of_order" == _refused(codec, b"a")


def test_application_text() -> None:
    """Keys, intents and transcripts; anything else that an application sends is skipped."""
    codec = _started()

    assert [DtmfReceived("caller", "5")] == codec.receive_text('{"event":"dtmf","dtmf":"5","duration":"1600"}')
    assert [IntentDeclared("refund", {"amount": "5"})] == codec.receive_text(
        '{"event":"intent","action":"refund","parameters":{"amount":"5"}}'
    )
    assert [TranscriptReceived("caller", "Hello.")] == codec.receive_text('{"event":"transcript","text":"Hello."}')
    assert [TranscriptReceived("agent", "Hi.")] == codec.receive_text(
        '{"event":"transcript","channel":"agent","text":"Hi."}'
    )
    others = "any words", '"a string"', "{", '{"type":"playDone","data":{}}', '{"event":"applause"}', '{"event":7}'
    for text in others:
        assert [] == codec.receive_text(text)
    assert 6 == codec.ignored


def test_what_we_say_is_the_dialects() -> None:
    """One frame for each message that it makes of ours."""
    assert ['{"type":"risk","score":7}'] == _started().encode({"type": "risk", "score": 7})
    assert [] == ForkCodec(FEW).encode({"type": "risk"})


def test_connection_lost() -> None:
    """Only a call that had begun is lost, once."""
    codec = _started()

    assert [] == ForkCodec(PLAIN).connection_lost()
    assert [CallEnded("vanished")] == codec.connection_lost()
    assert [] == codec.connection_lost()
    assert {"out_of_order"} == {_refused(codec, "hello"), _refused(codec, b"hello")}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"mixType": "mixed"}, "unsupported_media"), ({"mixType": "surround"}, "bad_message"),
        ({"mixType": 2}, "bad_message"), ({"sampleRate": 11025}, "unsupported_media"),
        ({"sampleRate": 0}, "unsupported_media"), ({"sampleRate": 64000}, "unsupported_media"),
        ({"sampleRate": "fast"}, "bad_message"), ({"call_id": "a b"}, "bad_message"),
        ({"call_id": None}, "bad_message"),
        ({"channels": "caller"}, "bad_message"), ({"channels": ["caller", "agent"]}, "bad_message"),
        ({"channels": ["bot"]}, "unknown_channel"), ({"channels": [[]]}, "unknown_channel"),
        ({"mixType": "stereo", "channels": ["agent", "agent"]}, "bad_message"),
    ],
)
def test_refused_at_the_start(changes: dict[str, Any], code: str) -> None:
    """Each is told, and changes nothing."""
    codec = ForkCodec(PLAIN)

    assert code == _refused(codec, json.dumps(START | changes))
    assert [CallStarted("call-1", "l16", 8000, ("caller",))] == codec.receive_text(json.dumps(START))


@pytest.mark.parametrize(("frame", "code"), [
    (bytes(MAX_EARLY_BYTES + 1), "out_of_order"), ("hello", "bad_json"), ("[]", "bad_json"), (" " * 70000, "too_big"),
    (bytes(70000), "too_big"),
])
def test_attributes_come_first(frame: str | bytes, code: str) -> None:
    """As one JSON object, before any audio."""
    assert code == _refused(ForkCodec(PLAIN), frame)


@pytest.mark.parametrize(("text", "code"), [
    ('{"event":"dtmf","dtmf":"12"}', "bad_message"), ('{"event":"dtmf"}', "bad_message"),
    ('{"event":"intent","action":"a b"}', "bad_message"), ('{"event":"transcript","text":7}', "bad_message"),
    ('{"event":"transcript","text":"","channel":"bot"}', "unknown_channel"), (" " * 70000, "too_big"),
    ('{"event":"transcript","text":"","channel":[]}', "unknown_channel"),
])
def test_refused_in_a_call(text: str, code: str) -> None:
    """What an application means for us has to be right."""
    assert code == _refused(_started(), text)
