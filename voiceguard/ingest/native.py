"""Our own protocol: JSON in text messages, audio in binary ones; docs/asyncapi.yaml describes every message.

Binary messages are one byte stream, cut anywhere: a sample, or a group of one sample per channel, may begin in one
message and end in the next. Samples are interleaved in the order of `channels`; l16 is little-endian. Of Opus, every
binary message is one packet, of the one channel that such a stream has. A position is the number of samples received
before, at 48 kHz for Opus, so the stream's clock stands still while it is paused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import orjson

from voiceguard.errors import PeerError
from voiceguard.events import (
    AudioReceived,
    CallEnded,
    CallStarted,
    Channel,
    ConsentSaid,
    DtmfReceived,
    Encoding,
    MediaDropped,
    MediaPaused,
    MediaResumed,
    TranscriptReceived,
    WireEvent,
)
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.fields import (
    DIGIT,
    IDENTIFIER,
    bad,
    beside,
    check_binary,
    intent,
    matching,
    names,
    number,
    parse,
)
from voiceguard.ingest.interleaved import Interleaved
from voiceguard.ingest.media import OPUS_CLOCK_HZ, channel_names, opus_samples

PURPOSES: Final = ("voice_analysis", "enrol", "link", "transcript")
MAX_WORDING_CHARS: Final = 128
State = Literal["idle", "open", "paused", "ended"]

RATES_HZ: Final[Mapping[Encoding, tuple[int, ...]]] = {
    "pcmu": (8000,), "pcma": (8000,), "l16": (8000, 16000), "opus": (OPUS_CLOCK_HZ,),
}
BYTES_PER_SAMPLE: Final[Mapping[Encoding, int]] = {"pcmu": 1, "pcma": 1, "l16": 2}
ALLOWED_IN: Final[Mapping[str, tuple[State, ...]]] = {
    "start": ("idle",),
    "audio": ("open",),
    "pause": ("open",),
    "resume": ("paused",),
    "dtmf": ("open", "paused"),
    "transcript": ("open", "paused"),
    "intent": ("open", "paused"),
    "consent": ("open", "paused"),
    "stop": ("open", "paused"),
}


class NativeCodec:
    """One native stream. Every method returns events in order, or raises PeerError and has changed nothing."""

    def __init__(self, *, options: IngestOptions | None = None) -> None:
        self._options = options or IngestOptions()
        self._state: State = "idle"
        self._channels: tuple[Channel, ...] = ()
        self._encoding: Encoding = "pcmu"
        self._position = 0
        self._audio = Interleaved((), 1)
        self._readers: Mapping[str, Callable[[Mapping[str, Any]], WireEvent]] = {
            "start": self._start, "dtmf": self._dtmf, "transcript": self._transcript, "intent": intent,
            "consent": self._consent, "pause": self._pause, "resume": self._resume, "stop": self._stop,
        }

    def receive_text(self, text: str) -> list[WireEvent]:
        """One control message."""
        message = parse(text, self._options.max_text_bytes)
        kind = message.get("type")
        if not isinstance(kind, str):
            raise bad("type")
        if kind not in self._readers:
            raise PeerError("unknown_type", "this message type is not known", fatal=False)
        self._check_order(kind)
        try:
            return [self._readers[kind](message)]
        except PeerError as error:
            if kind in ("dtmf", "transcript", "intent"):  # what stands beside the audio never costs the call
                raise PeerError(error.code, str(error), close_code=error.close_code, fatal=False) from None
            raise

    def receive_binary(self, data: bytes) -> list[WireEvent]:
        """Audio: one `AudioReceived` per channel, with the sample groups that are whole by now; of Opus, the packet."""
        check_binary(data, self._options.max_binary_bytes)
        self._check_order("audio")
        if self._encoding == "opus":
            return [self._packet(data)]
        return [*self._audio.feed(data)]

    def _packet(self, packet: bytes) -> WireEvent:
        start, samples = self._position, opus_samples(packet)
        if samples is None:  # how long it would have lasted, nobody knows
            return MediaDropped(self._channels[0], start, 0, "corrupt")
        self._position += samples
        return AudioReceived(self._channels[0], start, packet)

    def connection_lost(self) -> list[WireEvent]:
        """The socket is gone: an open call has vanished."""
        if self._state in ("idle", "ended"):
            return []
        self._state = "ended"
        return [CallEnded("vanished")]

    def encode(self, message: Mapping[str, Any]) -> list[str | bytes]:
        """One of our messages as the frame to send."""
        return [orjson.dumps(message).decode()]

    def _check_order(self, kind: str) -> None:
        if self._state not in ALLOWED_IN[kind]:
            raise PeerError("out_of_order", f"{kind} is not allowed when the stream is {self._state}")

    def _start(self, message: Mapping[str, Any]) -> CallStarted:
        encoding = _encoding(message)
        rate_hz = number(message, "sample_rate")
        if rate_hz not in RATES_HZ[encoding]:
            raise PeerError("unsupported_encoding", "this sample rate is not supported", close_code=1003)
        channels = channel_names(message.get("channels"))
        if encoding == "opus" and len(channels) > 1:
            raise PeerError("unsupported_encoding", "an opus stream has one channel", close_code=1003)
        metadata = beside(message.get("metadata"))
        started = CallStarted(
            matching(message, "call_id", IDENTIFIER), encoding, rate_hz, channels,
            *beside({name: message.get(name) for name in ("customer_ref", "consent")})._replace(
                metadata=metadata.metadata, passed_over=metadata.passed_over
            ),
        )
        self._state, self._channels, self._encoding = "open", channels, encoding
        self._audio = Interleaved(channels, BYTES_PER_SAMPLE.get(encoding, 1))
        return started

    def _channel(self, message: Mapping[str, Any]) -> Channel:
        name = message.get("channel", "caller")
        for channel in self._channels:
            if name == channel:
                return channel
        raise PeerError("unknown_channel", "the call did not declare this channel")

    def _dtmf(self, message: Mapping[str, Any]) -> DtmfReceived:
        return DtmfReceived(self._channel(message), matching(message, "digit", DIGIT))

    def _transcript(self, message: Mapping[str, Any]) -> TranscriptReceived:
        text = message.get("text")
        if not isinstance(text, str):
            raise bad("text")
        return TranscriptReceived(self._channel(message), text)

    def _consent(self, message: Mapping[str, Any]) -> ConsentSaid:
        given, withdrawn = (names(message.get(name, []), name) for name in ("given", "withdrawn"))
        wording = message.get("wording", "")
        if not isinstance(wording, str) or len(wording) > MAX_WORDING_CHARS:
            raise bad("wording")
        for purpose in given | withdrawn:
            if purpose not in PURPOSES or purpose in given & withdrawn:
                raise PeerError("unknown_purpose", f"purposes of consent are {', '.join(PURPOSES)}, each given or "
                                "withdrawn", fatal=False)
        return ConsentSaid(given, withdrawn, wording)

    def _pause(self, _: Mapping[str, Any]) -> MediaPaused:
        self._state = "paused"
        return MediaPaused()

    def _resume(self, _: Mapping[str, Any]) -> MediaResumed:
        self._state = "open"
        return MediaResumed()

    def _stop(self, _: Mapping[str, Any]) -> CallEnded:
        self._state = "ended"
        return CallEnded("stopped")


def _encoding(message: Mapping[str, Any]) -> Encoding:
    name = message.get("encoding")
    if not isinstance(name, str):
        raise bad("encoding")
    for encoding in RATES_HZ:
        if name == encoding:
            return encoding
    raise PeerError("unsupported_encoding", "this encoding is not supported", close_code=1003)
