"""Twilio Media Streams: JSON text messages, both ways (Twilio: Media Streams, WebSocket messages).

Twilio's stream is always mu-law at 8 kHz, base64, 20 ms a message. Numbers arrive as strings. `timestamp` counts
milliseconds since the stream's start and `chunk` the messages; both may skip. Unknown events are ignored, as are binary
messages, so that a later version of the protocol does no harm.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.events import (
    RATE_HZ,
    CallEnded,
    CallStarted,
    Channel,
    DtmfReceived,
    MarkReceived,
    WireEvent,
)
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.fields import DIGIT, IDENTIFIER, bad, mapping, matching, names, number, parse, strings
from voiceguard.ingest.reorder import Sequencer
from voiceguard.ingest.twilio_auth import check_stream_token, make_stream_token, verify_signature

__all__ = ["TwilioCodec", "check_stream_token", "make_stream_token", "verify_signature"]

State = Literal["idle", "connected", "open", "ended"]

TRACKS: Final[Mapping[str, Channel]] = {"inbound": "caller", "outbound": "agent"}
SAMPLES_PER_MS = RATE_HZ // 1000
FRAME_SAMPLES = 160
"""20 ms."""
MAX_MARK_CHARS = 128
ALLOWED_IN: Final[Mapping[str, tuple[State, ...]]] = {
    "connected": ("idle",),
    "start": ("idle", "connected"),
    "media": ("open",),
    "dtmf": ("open",),
    "mark": ("open",),
    "stop": ("open",),
}


class TwilioCodec:
    """One Twilio stream. Every method returns events in order, or raises PeerError and has changed nothing.

    `token`, where given, is called with the parameter `token` and the call's SID, and raises AuthenticationError when
    they do not belong together; then a stream without a token is refused too. The parameters `customer_ref` and
    `consent` (purposes, separated by commas) go into `CallStarted`, all others into its metadata.
    """

    def __init__(
        self, *, options: IngestOptions | None = None, token: Callable[[str, str], None] | None = None
    ) -> None:
        self.ignored = 0
        """Messages that were skipped."""
        self._options = options or IngestOptions()
        self._token = token
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
        event = message.get("event")
        if not isinstance(event, str):
            raise bad("event")
        if event not in self._readers:
            self.ignored += 1
            return []
        if self._state not in ALLOWED_IN[event]:
            raise PeerError("out_of_order", f"{event} is not allowed when the stream is {self._state}")
        if self._stream_sid and message.get("streamSid", self._stream_sid) != self._stream_sid:
            raise PeerError("wrong_stream", "this message belongs to another stream")
        return self._readers[event](message)

    def receive_binary(self, data: bytes) -> list[WireEvent]:
        """Twilio sends none: ignored."""
        if len(data) > self._options.max_binary_bytes:
            limit = self._options.max_binary_bytes
            raise PeerError("too_big", f"a binary message may hold {limit} bytes", close_code=1009)
        self.ignored += 1
        return []

    def connection_lost(self) -> list[WireEvent]:
        """The socket is gone: an open call has vanished."""
        if self._state != "open":
            return []
        self._state = "ended"
        return [CallEnded("vanished")]

    def encode(self, message: Mapping[str, Any]) -> list[str | bytes]:
        """Nothing: towards Twilio go only media, marks and clears, so that none of our messages can be said."""
        return []

    def _connected(self, _: Mapping[str, Any]) -> list[WireEvent]:
        self._state = "connected"
        return []

    def _start(self, message: Mapping[str, Any]) -> list[WireEvent]:
        start = mapping(message, "start")
        stream_sid = matching(message if "streamSid" in message else start, "streamSid", IDENTIFIER)
        call_sid = matching(start, "callSid", IDENTIFIER)
        parameters = strings(start.get("customParameters", {}), "customParameters")
        token = parameters.pop("token", "")
        if self._token is not None:
            if not token:
                raise AuthenticationError("the stream has no token")
            self._token(token, call_sid)
        _check_format(mapping(start, "mediaFormat"))
        consent = [name.strip() for name in parameters.pop("consent", "").split(",") if name.strip()]
        customer_ref = matching(parameters, "customer_ref", IDENTIFIER) if parameters.get("customer_ref") else None
        parameters.pop("customer_ref", None)
        tracks = _tracks(start.get("tracks", ["inbound"]))
        started = CallStarted(
            call_sid, "pcmu", RATE_HZ, tuple(tracks.values()), customer_ref, names(consent, "consent"), parameters
        )
        max_gap = int(self._options.max_gap_s * RATE_HZ)
        self._tracks = {
            track: Sequencer(channel, tolerance=FRAME_SAMPLES, max_gap=max_gap) for track, channel in tracks.items()
        }
        self._state, self._stream_sid = "open", stream_sid
        return [started]

    def _media(self, message: Mapping[str, Any]) -> list[WireEvent]:
        media = mapping(message, "media")
        track = media.get("track", "inbound")
        if not isinstance(track, str) or track not in self._tracks:
            raise PeerError("unknown_channel", "the stream did not declare this track")
        start_sample = number(media, "timestamp") * SAMPLES_PER_MS
        chunk = number(media, "chunk") if "chunk" in media else None
        payload = _payload(media)
        if not payload:
            return []
        return [*self._tracks[track].place(payload, len(payload), start_sample, chunk)]

    def _dtmf(self, message: Mapping[str, Any]) -> list[WireEvent]:
        dtmf = mapping(message, "dtmf")
        track = dtmf.get("track", "inbound_track")
        if not isinstance(track, str) or track.removesuffix("_track") not in self._tracks:
            raise PeerError("unknown_channel", "the stream did not declare this track")
        return [DtmfReceived(TRACKS[track.removesuffix("_track")], matching(dtmf, "digit", DIGIT))]

    def _mark(self, message: Mapping[str, Any]) -> list[WireEvent]:
        name = mapping(message, "mark").get("name")
        if not isinstance(name, str) or len(name) > MAX_MARK_CHARS:
            raise bad("name")
        return [MarkReceived(name)]

    def _stop(self, _: Mapping[str, Any]) -> list[WireEvent]:
        self._state = "ended"
        return [CallEnded("stopped")]


def _check_format(media_format: Mapping[str, Any]) -> None:
    mu_law = media_format.get("encoding") == "audio/x-mulaw"
    if not mu_law or number(media_format, "sampleRate") != RATE_HZ or number(media_format, "channels") != 1:
        raise PeerError("unsupported_media", "media must be audio/x-mulaw, 8000 Hz, one channel", close_code=1003)


def _tracks(values: object) -> dict[str, Channel]:
    """Declared tracks in our order, the caller first."""
    if not isinstance(values, list) or not values or len(values) > len(TRACKS):
        raise bad("tracks")
    if any(not isinstance(value, str) or value not in TRACKS for value in values):
        raise PeerError("unknown_channel", "tracks are inbound and outbound")
    return {track: channel for track, channel in TRACKS.items() if track in values}


def _payload(media: Mapping[str, Any]) -> bytes:
    value = media.get("payload")
    if not isinstance(value, str):
        raise bad("payload")
    try:
        return binascii.a2b_base64(value.encode("utf-8"), strict_mode=True)
    except binascii.Error:
        raise PeerError("bad_audio", "the payload is not base64", close_code=1007) from None
