"""Twilio Media Streams, and SignalWire's of the same shape: JSON text messages, both ways (Twilio: Media Streams,
WebSocket messages; SignalWire: cXML, Stream).

Twilio's stream is always mu-law at 8 kHz, base64, 20 ms a message; SignalWire's has the codec that its `<Stream>` asks
for, and its reference shows each message inside another, as `rawEvent`: either shape is read. Numbers arrive as
strings. `timestamp` counts milliseconds since the stream's start and `chunk` the messages; both may skip. Unknown
events are ignored, as are binary messages, so that a later version of the protocol does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from voiceguard.errors import PeerError
from voiceguard.events import CallEnded, CallStarted, DtmfReceived, Encoding, MarkReceived, WireEvent
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.fields import (
    DIGIT,
    IDENTIFIER,
    check_binary,
    claims,
    mapping,
    mark,
    matching,
    named_event,
    number,
    parse,
    strings,
)
from voiceguard.ingest.media import TRACKS, declared_tracks, payload, samples_in
from voiceguard.ingest.reorder import Sequencer

State = Literal["idle", "connected", "open", "ended"]


@dataclass(frozen=True)
class Dialect:
    """What the platforms that speak this protocol say differently."""

    formats: Mapping[tuple[str, int], tuple[Encoding, int]]
    """`encoding`, in small letters, and `sampleRate` of a media format, to the encoding and its clock."""
    wrapped: bool = False
    """Whether messages may come inside another, as `rawEvent`."""


TWILIO: Final = Dialect({("audio/x-mulaw", 8000): ("pcmu", 8000)})
SIGNALWIRE: Final = Dialect(
    {
        ("audio/x-mulaw", 8000): ("pcmu", 8000),
        ("audio/x-alaw", 8000): ("pcma", 8000),
        ("audio/x-g722", 8000): ("g722", 8000),
        ("audio/x-g722", 16000): ("g722", 8000),
        **{("audio/x-l16", rate_hz): ("l16", rate_hz) for rate_hz in (8000, 16000, 24000, 48000)},
    },
    wrapped=True,
)
"""Of the names, mu-law's and L16's are in SignalWire's reference; the others are formed alike, and not verified."""

FRAMES_PER_S = 50
"""Frames of 20 ms."""
ALLOWED_IN: Final[Mapping[str, tuple[State, ...]]] = {
    "connected": ("idle",),
    "start": ("idle", "connected"),
    "media": ("open",),
    "dtmf": ("open",),
    "mark": ("open",),
    "stop": ("open",),
}


class TwilioCodec:
    """One stream. Every method returns events in order, or raises PeerError and has changed nothing.

    `token`, where given, is called with the parameter `token`, empty when there is none, and the call's SID; it raises
    AuthenticationError when they do not belong together. The parameters `customer_ref` and `consent` (purposes,
    separated by commas) go into `CallStarted`, all others into its metadata.
    """

    def __init__(
        self, *, options: IngestOptions | None = None, token: Callable[[str, str], None] | None = None,
        dialect: Dialect = TWILIO,
    ) -> None:
        self.ignored = 0
        """Messages that were skipped."""
        self._options = options or IngestOptions()
        self._token = token
        self._dialect = dialect
        self._encoding: Encoding = "pcmu"
        self._rate_hz = 8000
        self._state: State = "idle"
        self._stream_sid = ""
        self._tracks: dict[str, Sequencer] = {}
        self._readers: Mapping[str, Callable[[Mapping[str, Any]], list[WireEvent]]] = {
            "connected": self._connected, "start": self._start, "media": self._media, "dtmf": self._dtmf,
            "mark": self._mark, "stop": self._stop,
        }

    def receive_text(self, text: str) -> list[WireEvent]:
        """One message."""
        message = parse(text, self._options.max_text_bytes)
        if self._dialect.wrapped and isinstance(message.get("rawEvent"), dict):
            message = {**message, **message["rawEvent"]}
        event = named_event(message, ALLOWED_IN, self._state, ("streamSid", self._stream_sid))
        if event is None:
            self.ignored += 1
            return []
        return self._readers[event](message)

    def receive_binary(self, data: bytes) -> list[WireEvent]:
        """The platforms send none: ignored."""
        check_binary(data, self._options.max_binary_bytes)
        self.ignored += 1
        return []

    def connection_lost(self) -> list[WireEvent]:
        """The socket is gone: an open call has vanished."""
        if self._state != "open":
            return []
        self._state = "ended"
        return [CallEnded("vanished")]

    def encode(self, message: Mapping[str, Any]) -> list[str | bytes]:
        """Nothing: towards the platforms go only media, marks and clears, so that none of our messages can be said."""
        return []

    def _connected(self, _: Mapping[str, Any]) -> list[WireEvent]:
        self._state = "connected"
        return []

    def _start(self, message: Mapping[str, Any]) -> list[WireEvent]:
        start = mapping(message, "start")
        stream_sid = matching(message if "streamSid" in message else start, "streamSid", IDENTIFIER)
        call_sid = matching(start, "callSid", IDENTIFIER)
        parameters = strings(start.get("customParameters", {}), "customParameters")
        if self._token is not None:
            self._token(parameters.get("token", ""), call_sid)
        encoding, rate_hz = self._format(mapping(start, "mediaFormat"))
        tracks = declared_tracks(start.get("tracks", ["inbound"]))
        started = CallStarted(call_sid, encoding, rate_hz, tuple(tracks.values()), *claims(parameters))
        max_gap = int(self._options.max_gap_s * rate_hz)
        self._tracks = {
            track: Sequencer(channel, tolerance=rate_hz // FRAMES_PER_S, max_gap=max_gap)
            for track, channel in tracks.items()
        }
        self._encoding, self._rate_hz = encoding, rate_hz
        self._state, self._stream_sid = "open", stream_sid
        return [started]

    def _format(self, media_format: Mapping[str, Any]) -> tuple[Encoding, int]:
        """Encoding and clock. A stream of both tracks may count two channels; each message is of one all the same."""
        encoding, rate_hz = media_format.get("encoding"), number(media_format, "sampleRate")
        known = self._dialect.formats.get((encoding.lower() if isinstance(encoding, str) else "", rate_hz))
        if known is None or number(media_format, "channels") not in ((1, 2) if self._dialect.wrapped else (1,)):
            raise PeerError("unsupported_media", "this media format is not supported", close_code=1003)
        return known

    def _media(self, message: Mapping[str, Any]) -> list[WireEvent]:
        media = mapping(message, "media")
        track = media.get("track", "inbound")
        if not isinstance(track, str) or track not in self._tracks:
            raise PeerError("unknown_channel", "the stream did not declare this track")
        start_sample = number(media, "timestamp") * self._rate_hz // 1000
        chunk = number(media, "chunk") if "chunk" in media else None
        data = payload(media)
        if not data:
            return []
        return [*self._tracks[track].place(data, samples_in(self._encoding, data), start_sample, chunk)]

    def _dtmf(self, message: Mapping[str, Any]) -> list[WireEvent]:
        dtmf = mapping(message, "dtmf")
        track = dtmf.get("track", "inbound_track")
        if not isinstance(track, str) or track.removesuffix("_track") not in self._tracks:
            raise PeerError("unknown_channel", "the stream did not declare this track")
        return [DtmfReceived(TRACKS[track.removesuffix("_track")], matching(dtmf, "digit", DIGIT))]

    def _mark(self, message: Mapping[str, Any]) -> list[WireEvent]:
        return [MarkReceived(mark(mapping(message, "mark")))]

    def _stop(self, _: Mapping[str, Any]) -> list[WireEvent]:
        self._state = "ended"
        return [CallEnded("stopped")]
