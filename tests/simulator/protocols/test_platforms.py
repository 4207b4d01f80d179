"""Lines of platforms that prove themselves: what they say reads back, and their proof is taken, once configured."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from voiceguard.codecs import StreamDecoder
from voiceguard.errors import AuthenticationError
from voiceguard.events import AudioReceived, CallEnded, CallStarted, DtmfReceived, WireEvent
from voiceguard.ingest.json_stream import JsonStreamCodec
from voiceguard.ingest.plivo import PLIVO
from voiceguard.ingest.plivo_auth import verify_signature
from voiceguard.ingest.stream_token import check_stream_token
from voiceguard.ingest.telnyx import AUTH_HEADER, TELNYX
from voiceguard.ingest.twilio import SIGNALWIRE
from voiceguard.ingest.vonage import VonageCodec
from voiceguard.ingest.vonage_auth import verify_jwt
from voiceguard.server.streams.session import Codec
from voiceguard.settings import PlivoOptions, Settings, SignalWireOptions, TelnyxOptions, VonageOptions
from voiceguard.simulator.protocols import LINES
from voiceguard.simulator.protocols.platform import FRAME_SAMPLES, Dialling, Line, Message

SECRET = "a secret of the platform and the service"
HIDDEN = SecretStr(SECRET)
PROVEN = Settings(
    plivo=PlivoOptions(auth_token=HIDDEN), signalwire=SignalWireOptions(stream_secret=HIDDEN),
    telnyx=TelnyxOptions(stream_secret=HIDDEN), vonage=VonageOptions(signature_secret=HIDDEN),
)
CODECS: dict[str, Callable[[], Codec]] = {
    "plivo": lambda: JsonStreamCodec(PLIVO), "signalwire": lambda: JsonStreamCodec(SIGNALWIRE),
    "telnyx": lambda: JsonStreamCodec(TELNYX), "vonage": VonageCodec,
}
FRAMES = st.binary(min_size=FRAME_SAMPLES, max_size=FRAME_SAMPLES)


def dialled(protocol: str, settings: Settings = PROVEN, customer_ref: str | None = "customer-1") -> Line:
    """A line to a service on this machine."""
    return LINES[protocol](Dialling("http://127.0.0.1:8765", "call-1", customer_ref, settings=settings))


def read(codec: Codec, *messages: Message | None) -> list[WireEvent]:
    """Events of messages."""
    return [
        event for message in messages if message is not None
        for event in (codec.receive_text(message) if isinstance(message, str) else codec.receive_binary(message))
    ]


@pytest.mark.parametrize("protocol", CODECS)
def test_opening(protocol: str) -> None:
    """The call's id, its customer if there is one, and the consent."""
    for customer_ref in ("customer-1", None):
        (started,) = read(CODECS[protocol](), *dialled(protocol, customer_ref=customer_ref).opening())

        assert isinstance(started, CallStarted)
        assert ("call-1", customer_ref, 8000, {"voice_analysis"}) == (
            started.call_id, started.customer_ref, started.rate_hz, started.consent
        )


@pytest.mark.parametrize("protocol", CODECS)
@given(parts=st.lists(st.tuples(FRAMES, FRAMES), max_size=4))
def test_audio(protocol: str, parts: list[tuple[bytes, bytes]]) -> None:
    """Every sample of the channels that the protocol carries, in its place."""
    line, codec = dialled(protocol), CODECS[protocol]()
    (started,) = read(codec, *line.opening())
    assert isinstance(started, CallStarted)
    sent = [line.audio({"caller": caller, "agent": agent}) for caller, agent in parts]
    events = [event for messages in sent for event in read(codec, *messages)]

    for index, channel in enumerate(started.channels):
        audio = [event for event in events if isinstance(event, AudioReceived) and event.channel == channel]
        heard = StreamDecoder(started.encoding, 8000).feed(b"".join(event.payload for event in audio))
        assert np.array_equal(StreamDecoder("pcmu", 8000).feed(b"".join(part[index] for part in parts)), heard)
        assert [place * FRAME_SAMPLES for place in range(len(parts))] == [event.start_sample for event in audio]
    assert len(started.channels) * len(parts) == len(events)


@pytest.mark.parametrize("protocol", CODECS)
@given(digits=st.text("0123456789*#ABCD", max_size=8))
def test_keys_and_the_end(protocol: str, digits: str) -> None:
    """The keys that the caller pressed, in order, and the end of the call, where the protocol has a message for it."""
    line, codec = dialled(protocol), CODECS[protocol]()
    read(codec, *line.opening())
    last = line.closing()

    assert [DtmfReceived("caller", digit) for digit in digits] == read(codec, *map(line.digit, digits))
    assert ([] if last is None else [CallEnded("stopped")]) == read(codec, last)
    assert (None, None) == (line.transcript("caller", "hello"), line.intent("payment", {}))
    assert ((), None) == line.heard("anything")


def prove(protocol: str, line: Line) -> None:
    """Check the line's proof as the service does. Raises AuthenticationError."""
    headers = line.headers
    match protocol:
        case "plivo":
            verify_signature(
                "ws://127.0.0.1:8765/v1/stream/plivo", headers["X-Plivo-Signature-V3"],
                headers["X-Plivo-Signature-V3-Nonce"], SECRET,
            )
        case "vonage":
            verify_jwt(headers["Authorization"], SECRET, time.time())
        case "telnyx":
            check_stream_token(headers[AUTH_HEADER], "call-1", time.time(), SECRET)
        case _:
            check_stream_token(headers["Authorization"].removeprefix("Bearer "), "call-1", time.time(), SECRET)


@pytest.mark.parametrize("protocol", CODECS)
def test_proof(protocol: str) -> None:
    """A line knows the service's secret from its settings, and proves nothing without."""
    prove(protocol, dialled(protocol))
    with pytest.raises(AuthenticationError):
        prove(protocol, dialled(protocol, Settings()))
