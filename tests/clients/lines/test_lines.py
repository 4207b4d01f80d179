"""What platforms say on the wire reads back, through the service's own codecs, as what they meant."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.cli.live import PROTOCOLS
from voiceguard.clients.lines import LINES
from voiceguard.clients.lines.line import FRAME_SAMPLES, SILENCE, Line, Message, frames
from voiceguard.clients.lines.native import NativeLine
from voiceguard.clients.lines.twilio import TwilioLine
from voiceguard.codecs import g711
from voiceguard.events import (
    AudioReceived,
    CallEnded,
    CallStarted,
    Channel,
    DtmfReceived,
    IntentDeclared,
    TranscriptReceived,
    WireEvent,
)
from voiceguard.ingest.fields import NAME
from voiceguard.ingest.native import NativeCodec
from voiceguard.ingest.twilio import TwilioCodec, check_stream_token, make_stream_token

SECRET = "a secret of the platform and the service"
TOKEN = make_stream_token("call-1", 1000, "ab" * 16, SECRET)


TEXT = st.characters(exclude_categories=["Cs"])
"""UTF-8 has no lone surrogates (RFC 3629 section 3)."""


def native() -> tuple[NativeLine, NativeCodec]:
    """Our own protocol, both ends."""
    return NativeLine("call-1", "customer-1"), NativeCodec()


def twilio() -> tuple[TwilioLine, TwilioCodec]:
    """Twilio's, both ends; the token is checked."""
    codec = TwilioCodec(token=lambda token, call_sid: check_stream_token(token, call_sid, 900.0, SECRET))
    return TwilioLine("call-1", "customer-1", TOKEN), codec


def read(codec: NativeCodec | TwilioCodec, *messages: Message | None) -> list[WireEvent]:
    """Events of messages."""
    return [
        event for message in messages if message is not None
        for event in (codec.receive_text(message) if isinstance(message, str) else codec.receive_binary(message))
    ]


@pytest.mark.parametrize("ends", [native, twilio])
def test_opening(ends: object) -> None:
    """The call's id, customer, consent, and both channels in mu-law."""
    line, codec = ends()  # type: ignore[operator]
    (started,) = read(codec, *line.opening())

    assert isinstance(started, CallStarted)
    assert ("call-1", "customer-1", "pcmu", 8000, {"voice_analysis"}) == (
        started.call_id, started.customer_ref, started.encoding, started.rate_hz, started.consent
    )
    assert {"caller", "agent"} == set(started.channels)


@pytest.mark.parametrize("ends", [native, twilio])
@given(parts=st.lists(st.tuples(*[st.binary(min_size=FRAME_SAMPLES, max_size=FRAME_SAMPLES)] * 2), max_size=4))
def test_audio(ends: object, parts: list[tuple[bytes, bytes]]) -> None:
    """Every byte of both channels, in its place."""
    line, codec = ends()  # type: ignore[operator]
    read(codec, *line.opening())
    sent = [line.audio({"caller": caller, "agent": agent}) for caller, agent in parts]
    events = [event for messages in sent for event in read(codec, *messages)]

    for index, role in enumerate(("caller", "agent")):
        audio = [event for event in events if isinstance(event, AudioReceived) and event.channel == role]
        assert b"".join(part[index] for part in parts) == b"".join(event.payload for event in audio)
        assert [place * FRAME_SAMPLES for place in range(len(parts))] == [event.start_sample for event in audio]
    assert 2 * len(parts) == len(events)


@pytest.mark.parametrize("ends", [native, twilio])
@given(digits=st.text("0123456789*#ABCD", max_size=8))
def test_keys_and_the_end(ends: object, digits: str) -> None:
    """The keys that the caller pressed, in order, and the end of the call."""
    line, codec = ends()  # type: ignore[operator]
    read(codec, *line.opening())

    assert [*(DtmfReceived("caller", digit) for digit in digits), CallEnded("stopped")] == read(
        codec, *map(line.digit, digits), line.closing()
    )


@given(
    st.sampled_from(["caller", "agent"]), st.text(TEXT, max_size=50), st.from_regex(NAME, fullmatch=True),
    st.dictionaries(st.from_regex(NAME, fullmatch=True), st.text(TEXT, max_size=10), max_size=3),
)
def test_transcripts_and_intents_are_native(
    channel: Channel, text: str, action: str, parameters: dict[str, str]
) -> None:
    """Our own protocol carries them, Twilio's has no message for them."""
    line, codec = native()
    read(codec, *line.opening())
    other: Line = twilio()[0]

    assert [TranscriptReceived(channel, text), IntentDeclared(action, parameters)] == read(
        codec, line.transcript(channel, text), line.intent(action, parameters)
    )
    assert (None, None) == (other.transcript(channel, text), other.intent(action, parameters))


def test_nobody_claimed() -> None:
    """A call without a customer names none."""
    codec = NativeCodec()
    (started,) = read(codec, *NativeLine("call-1", None).opening())

    assert isinstance(started, CallStarted)
    assert started.customer_ref is None


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_frames_are_whole(caller: int, agent: int) -> None:
    """Both channels last as long as the longer one, in frames of 20 ms filled up with silence."""
    samples = {"caller": np.full(caller, 0.5, np.float32), "agent": np.full(agent, -0.5, np.float32)}
    cut = frames(samples)  # type: ignore[arg-type]

    assert -(-max(caller, agent) // FRAME_SAMPLES) == len(cut)
    assert all(len(part) == FRAME_SAMPLES for frame in cut for part in frame.values())
    for role, line in samples.items():
        sent = b"".join(frame[role] for frame in cut)  # type: ignore[index]
        assert g711.encode_ulaw(line) == sent[: len(line)]
        assert SILENCE[:1] * (len(sent) - len(line)) == sent[len(line) :]


def test_command_line_names_every_protocol() -> None:
    """What can be spoken can be asked for."""
    assert set(PROTOCOLS) == set(LINES)
