"""What platforms say on the wire reads back, through the service's own codecs, as what they meant."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.codecs import g711
from voiceguard.errors import ConfigurationError
from voiceguard.events import (
    AudioReceived,
    CallEnded,
    CallStarted,
    Channel,
    DtmfReceived,
    IntentDeclared,
    MediaPaused,
    MediaResumed,
    ReplyDue,
    TranscriptReceived,
    WireEvent,
)
from voiceguard.ingest.asterisk_ws import AsteriskCodec
from voiceguard.ingest.audiohook import AudioHookCodec
from voiceguard.ingest.audiosocket import AudioSocketCodec
from voiceguard.ingest.fields import NAME
from voiceguard.ingest.fork import ForkCodec
from voiceguard.ingest.freeswitch import FORK
from voiceguard.ingest.jambonz import JAMBONZ
from voiceguard.ingest.json_stream import JsonStreamCodec
from voiceguard.ingest.native import NativeCodec
from voiceguard.ingest.stream_token import check_stream_token, make_stream_token
from voiceguard.ingest.twilio import TWILIO
from voiceguard.server.streams.session import Codec
from voiceguard.simulator.protocols import audiosocket, fork
from voiceguard.simulator.protocols.asterisk import AsteriskLine
from voiceguard.simulator.protocols.audiohook import PING_FRAMES, AudioHookLine, request_headers
from voiceguard.simulator.protocols.audiosocket import AudioSocketLine
from voiceguard.simulator.protocols.fork import ForkLine
from voiceguard.simulator.protocols.native import NativeLine
from voiceguard.simulator.protocols.platform import (
    FRAME_SAMPLES,
    SILENCE,
    Dialling,
    Line,
    Message,
    as_l16,
    as_text,
    frames,
)
from voiceguard.simulator.protocols.twilio import TwilioLine

CALL = "e160e428-53e2-487c-977d-96989bf5c99d"
SECRET = "a secret of the platform and the service"
TOKEN = make_stream_token(CALL, 1000, "ab" * 16, SECRET)


TEXT = st.characters(exclude_categories=["Cs"])
"""UTF-8 has no lone surrogates (RFC 3629 section 3)."""


def native() -> tuple[NativeLine, NativeCodec]:
    """Our own protocol, both ends."""
    return NativeLine(CALL, "customer-1"), NativeCodec()


def twilio() -> tuple[TwilioLine, JsonStreamCodec]:
    """Twilio's, both ends; the token is checked."""
    def check_token(token: str, call_sid: str) -> None:
        check_stream_token(token, call_sid, 900.0, SECRET)

    return TwilioLine(CALL, "customer-1", TOKEN), JsonStreamCodec(TWILIO, check_token=check_token)


def audiohook() -> tuple[AudioHookLine, AudioHookCodec]:
    """Genesys', both ends; its session is open once the service has answered."""
    headers = request_headers("voice.example", "a-key", b"a secret", created=1000)
    codec = AudioHookCodec(headers["Audiohook-Session-Id"], headers["Audiohook-Organization-Id"])
    return AudioHookLine(CALL, "customer-1", headers), codec


def asterisk() -> tuple[AsteriskLine, AsteriskCodec]:
    """Asterisk's websocket channel, both ends."""
    return AsteriskLine(CALL, "customer-1"), AsteriskCodec()


def audio_socket() -> tuple[AudioSocketLine, AudioSocketCodec]:
    """AudioSocket, both ends; its UUID was given by the service."""
    line = AudioSocketLine("call-1", "customer-1", 1)
    line.uuid = UUID(CALL)
    return line, AudioSocketCodec()


def freeswitch() -> tuple[ForkLine, ForkCodec]:
    """mod_audio_fork, both ends."""
    return fork.freeswitch(Dialling("", CALL, "customer-1")), ForkCodec(FORK)


def jambonz() -> tuple[ForkLine, ForkCodec]:
    """The verb `listen`, both ends."""
    return fork.jambonz(Dialling("", CALL, "customer-1")), ForkCodec(JAMBONZ)


def opened(line: Line, codec: Codec) -> list[WireEvent]:
    """Events of the opening, which the service answers."""
    events = read(codec, *line.opening())
    for frame in codec.encode({"type": "started"}) if line.awaits_answer else ():
        assert ((), None) == line.heard(frame)
    return events


def read(codec: Codec, *messages: Message | None) -> list[WireEvent]:
    """Events of messages."""
    return [
        event for message in messages if message is not None
        for event in (codec.receive_text(message) if isinstance(message, str) else codec.receive_binary(message))
    ]


@pytest.mark.parametrize("ends", [native, twilio, audiohook, asterisk])
def test_opening(ends: object) -> None:
    """The call's id, customer and consent, and the caller in mu-law."""
    line, codec = ends()  # type: ignore[operator]
    (started,) = opened(line, codec)

    assert isinstance(started, CallStarted)
    assert (CALL, "customer-1", "pcmu", 8000, {"voice_analysis"}) == (
        started.call_id, started.customer_ref, started.encoding, started.rate_hz, started.consent
    )
    assert {"caller"} <= set(started.channels)


@pytest.mark.parametrize("ends", [native, twilio, audiohook, asterisk])
@given(parts=st.lists(st.tuples(*[st.binary(min_size=FRAME_SAMPLES, max_size=FRAME_SAMPLES)] * 2), max_size=4))
def test_audio(ends: object, parts: list[tuple[bytes, bytes]]) -> None:
    """Every byte of the channels that the service takes, in its place."""
    line, codec = ends()  # type: ignore[operator]
    (started,) = opened(line, codec)
    assert isinstance(started, CallStarted)
    sent = [line.audio({"caller": caller, "agent": agent}) for caller, agent in parts]
    events = [event for messages in sent for event in read(codec, *messages)]

    for index, role in ((("caller", "agent").index(name), name) for name in started.channels):
        audio = [event for event in events if isinstance(event, AudioReceived) and event.channel == role]
        assert b"".join(part[index] for part in parts) == b"".join(event.payload for event in audio)
        assert [place * FRAME_SAMPLES for place in range(len(parts))] == [event.start_sample for event in audio]
    assert len(started.channels) * len(parts) == len(events)


@pytest.mark.parametrize("ends", [native, twilio, audiohook, asterisk, freeswitch, jambonz])
@given(digits=st.text("0123456789*#ABCD", max_size=8))
def test_keys_and_the_end(ends: object, digits: str) -> None:
    """The keys that the caller pressed, in order, and the end of the call where the protocol has a word for it."""
    line, codec = ends()  # type: ignore[operator]
    opened(line, codec)
    pressed = [line.digit(digit) for digit in digits]
    last = line.closing()
    end = [] if last is None else [CallEnded("stopped")]

    assert [*(DtmfReceived("caller", digit) for digit in digits), *end] == read(codec, *pressed, last)


@pytest.mark.parametrize("ends", [audio_socket, freeswitch, jambonz])
@given(parts=st.lists(
    st.tuples(*[st.binary(min_size=FRAME_SAMPLES, max_size=FRAME_SAMPLES)] * 2), min_size=1, max_size=3,
))
def test_decoded_audio(ends: object, parts: list[tuple[bytes, bytes]]) -> None:
    """Platforms that decode the line themselves send the same samples, linear; the call starts as it should."""
    line, codec = ends()  # type: ignore[operator]
    frames_sent = [line.audio({"caller": caller, "agent": agent}) for caller, agent in parts]
    heard = [*read(codec, *line.opening()), *(
        event for messages in frames_sent for event in read(codec, *messages)
    )]
    started, events = heard[0], heard[1:]

    assert isinstance(started, CallStarted)
    assert (CALL, "l16", 8000) == (started.call_id, started.encoding, started.rate_hz)
    assert len(started.channels) * len(parts) == len(events)
    for index, role in enumerate(started.channels):
        payload = b"".join(
            event.payload for event in events if isinstance(event, AudioReceived) and event.channel == role
        )
        assert b"".join(as_l16(part[index]) for part in parts) == payload


def test_audiosocket_keys() -> None:
    """One byte each, behind the audio that starts the call."""
    line, codec = audio_socket()
    read(codec, *line.opening(), *line.audio({}))

    assert [DtmfReceived("caller", digit) for digit in "42#"] == read(codec, *map(line.digit, "42#"))
    line.closing()


def test_audiosocket_needs_a_port() -> None:
    """A line to nowhere is a clear error."""
    with pytest.raises(ConfigurationError, match="VOICEGUARD_AUDIOSOCKET__PORT"):
        audiosocket.dial(Dialling("http://127.0.0.1:1", "call-1"))


def test_forks_hear_decisions() -> None:
    """Those of mod_audio_fork come inside a `json`; what comes once more as an event of its own counts once."""
    decision = {"type": "decision", "decision": "handover"}
    line, codec = freeswitch()

    assert [decision, None] == [line.heard(frame).decision for frame in codec.encode(decision)]
    assert line.heard(as_text({"type": "error", "data": {}})).decision is None


@given(
    st.sampled_from(["caller", "agent"]), st.text(TEXT, max_size=50), st.from_regex(NAME, fullmatch=True),
    st.dictionaries(st.from_regex(NAME, fullmatch=True), st.text(TEXT, max_size=10), max_size=3),
)
def test_transcripts_and_intents_are_native(
    channel: Channel, text: str, action: str, parameters: dict[str, str]
) -> None:
    """Our own protocol carries them, and a fork with an application; the other platforms have no message for them."""
    line, codec = native()
    read(codec, *line.opening())
    others: list[Line] = [twilio()[0], audiohook()[0], asterisk()[0], audio_socket()[0], jambonz()[0]]
    application, application_codec = freeswitch()
    read(application_codec, *application.opening())

    assert [TranscriptReceived(channel, text), IntentDeclared(action, parameters)] == read(
        codec, line.transcript(channel, text), line.intent(action, parameters)
    )
    assert [TranscriptReceived(channel, text), IntentDeclared(action, parameters)] == read(
        application_codec, application.transcript(channel, text), application.intent(action, parameters)
    )
    assert {None} == {other.transcript(channel, text) for other in others} | {
        other.intent(action, parameters) for other in others
    }


def test_audiohook_pauses() -> None:
    """Asked to pause, a platform sends no audio until it is asked to resume, and says then how much went by; its pings
    go on."""
    line, codec = audiohook()
    opened(line, codec)
    frame: dict[Channel, bytes] = {"caller": SILENCE}
    read(codec, *line.audio(frame))
    (paused,) = line.heard(codec._word("pause", {})).replies

    assert [MediaPaused()] == read(codec, paused)
    sent = [message for _ in range(PING_FRAMES) for message in line.audio(frame)]
    (ping,) = read(codec, *sent)
    assert isinstance(ping, ReplyDue)
    (resumed,) = line.heard(codec._word("resume", {})).replies
    assert [MediaResumed(PING_FRAMES * FRAME_SAMPLES)] == read(codec, resumed)
    assert 1 == len(read(codec, *line.audio(frame)))
    assert () == line.heard(codec._word("resume", {})).replies


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
