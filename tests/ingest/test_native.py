"""The native codec: what its events hold, however its audio is cut."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.errors import PeerError
from voiceguard.events import (
    AudioReceived,
    CallStarted,
    DtmfReceived,
    IntentDeclared,
    MediaDropped,
    TranscriptReceived,
)
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.media import opus_samples
from voiceguard.ingest.native import NativeCodec

START = {"type": "start", "call_id": "call-1", "encoding": "pcmu", "sample_rate": 8000, "channels": ["caller", "agent"]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8,
)


def _started(**fields: Any) -> NativeCodec:
    codec = NativeCodec(options=IngestOptions(max_binary_bytes=10**6))
    codec.receive_text(json.dumps({**START, **fields}))
    return codec


def _joined(codec: NativeCodec, width: int, messages: Iterable[bytes]) -> dict[str, bytes]:
    payloads: dict[str, bytearray] = defaultdict(bytearray)
    for message in messages:
        for event in codec.receive_binary(message):
            assert isinstance(event, AudioReceived)
            assert event.start_sample * width == len(payloads[event.channel])
            payloads[event.channel] += event.payload
    return {channel: bytes(payload) for channel, payload in payloads.items()}


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def test_start() -> None:
    """A start's optional fields arrive, and numbers may be strings."""
    message = {
        **START, "sample_rate": "8000", "customer_ref": "+491", "consent": ["voice_analysis"],
        "metadata": {"queue": "billing"},
    }

    assert NativeCodec().receive_text(json.dumps(message)) == [
        CallStarted(
            "call-1", "pcmu", 8000, ("caller", "agent"), "+491", frozenset({"voice_analysis"}), {"queue": "billing"}
        )
    ]


def test_events_hold_what_was_sent() -> None:
    """Text messages become events with their values; the caller is the default channel."""
    codec = _started(channels=["agent", "caller"])

    assert codec.receive_text('{"type":"dtmf","digit":"#"}') == [DtmfReceived("caller", "#")]
    assert codec.receive_text('{"type":"transcript","channel":"agent","text":"hello"}') == [
        TranscriptReceived("agent", "hello")
    ]
    assert codec.receive_text('{"type":"intent","action":"payment","parameters":{"amount":"5"}}') == [
        IntentDeclared("payment", {"amount": "5"})
    ]


def test_channels_are_separated() -> None:
    """Interleaved 16-bit samples go to their channels in the order of the start."""
    codec = _started(encoding="l16", sample_rate=16000, channels=["agent", "caller"])

    assert codec.receive_binary(b"aAbBcCdD") == [
        AudioReceived("agent", 0, b"aAcC"), AudioReceived("caller", 0, b"bBdD"),
    ]


def test_opus_packets() -> None:
    """Each message is a packet, placed by what came before at 48 kHz; a malformed one is told, and takes no time."""
    codec = _started(encoding="opus", sample_rate=48000, channels=["caller"])
    twenty, sixty = b"\x08\x01", b"\x18\x01"

    assert codec.receive_binary(twenty) == [AudioReceived("caller", 0, twenty)]
    assert codec.receive_binary(b"\x03") == [MediaDropped("caller", 960, 0, "corrupt")]
    assert codec.receive_binary(sixty) == [AudioReceived("caller", 960, sixty)]
    assert codec.receive_binary(twenty) == [AudioReceived("caller", 3840, twenty)]


@given(st.lists(st.binary(max_size=60)))
def test_any_opus(packets: list[bytes]) -> None:
    """Whatever the packets hold, each is audio at the place where the last one ended, or damaged."""
    codec = _started(encoding="opus", sample_rate=48000, channels=["caller"])
    position = 0
    for packet in packets:
        (event,) = codec.receive_binary(packet)
        samples = opus_samples(packet)
        if samples is None:
            assert MediaDropped("caller", position, 0, "corrupt") == event
        else:
            assert AudioReceived("caller", position, packet) == event
            position += samples


@pytest.mark.parametrize("encoding", ["pcmu", "l16"])
@pytest.mark.parametrize("channels", [["caller"], ["caller", "agent"]])
@given(data=st.binary(max_size=4000), sizes=st.lists(st.integers(1, 700), max_size=8))
def test_cuts_do_not_matter(encoding: str, channels: list[str], data: bytes, sizes: list[int]) -> None:
    """Fed whole, by 20 ms, by single bytes or by chance, a channel's payloads join to the same bytes."""
    sample = 2 if encoding == "l16" else 1
    group = sample * len(channels)

    def joined(messages: Iterable[bytes]) -> dict[str, bytes]:
        return _joined(_started(encoding=encoding, channels=channels), sample, messages)

    whole = joined([data])
    ragged, at = [], 0
    for size in sizes:
        ragged.append(data[at : at + size])
        at += size
    ragged.append(data[at:])

    assert joined(_cut(data, 160 * group)) == joined(_cut(data, group)) == joined(_cut(data, 1)) == whole
    assert joined(ragged) == whole
    assert sum(map(len, whole.values())) == len(data) - len(data) % group


def test_limits() -> None:
    """The largest message passes and one byte more does not, counted in UTF-8."""
    start = json.dumps(START)
    codec = NativeCodec(options=IngestOptions(max_text_bytes=len(start), max_binary_bytes=4))
    codec.receive_text(start)
    codec.receive_binary(b"\xff" * 4)

    tries: tuple[tuple[Callable[..., Any], Any], ...] = (
        (codec.receive_binary, b"\xff" * 5), (codec.receive_text, "é" * len(start)),
    )
    for receive, data in tries:
        with pytest.raises(PeerError) as raised:
            receive(data)
        assert (raised.value.code, raised.value.close_code) == ("too_big", 1009)


def test_encode() -> None:
    """A message goes out as its JSON."""
    message = {"type": "error", "code": "bad_json", "text": "é"}

    assert [message] == [json.loads(frame) for frame in NativeCodec().encode(message)]


def test_errors_repeat_nothing() -> None:
    """No error text holds anything of the message that caused it."""
    secret = "s3cret"
    messages = [
        f'{{"type":"{secret}"}}', f"{secret}", json.dumps({**START, "call_id": f"{secret}/"}),
        json.dumps({**START, "encoding": secret}), json.dumps({**START, "channels": [secret]}),
    ]
    texts = []
    for message in messages:
        with pytest.raises(PeerError) as raised:
            NativeCodec().receive_text(message)
        texts.append(str(raised.value))

    assert not [text for text in texts if secret in text]
