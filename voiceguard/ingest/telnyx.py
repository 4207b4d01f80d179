"""Telnyx media streaming: JSON text messages (Telnyx: Stream call media over WebSocket; Media streaming).

The order of media is not guaranteed, so it is put right by `chunk`, within a few frames. What `timestamp` counts is not
documented, and it is not used: a chunk that never comes is a gap as long as the frame that follows. The payload is that
of the call's RTP packets without their heads: PCMU, PCMA, G722, OPUS (one packet a message) or L16. AMR-WB is refused.
That L16 is little-endian, unlike in RTP, is not documented either, but so others read it; a setting swaps its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from voiceguard.errors import PeerError
from voiceguard.events import CallEnded, CallStarted, Channel, DtmfReceived, Encoding, MarkReceived, WireEvent
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
from voiceguard.ingest.media import OPUS_CLOCK_HZ, TRACKS, payload, samples_in
from voiceguard.ingest.reorder import Reorderer, Sequencer

State = Literal["idle", "connected", "open", "ended"]

AUTH_HEADER: Final = "x-telnyx-streaming-auth-token"
"""Of the upgrade request: carries the `stream_auth_token` with which streaming was asked for."""
ENCODINGS: Final[Mapping[str, Encoding]] = {
    "pcmu": "pcmu", "audio/x-mulaw": "pcmu", "pcma": "pcma", "g722": "g722", "opus": "opus", "l16": "l16",
}
"""`media_format.encoding` in small letters; the older name of mu-law stands in older examples."""
CLOCKS_HZ: Final[Mapping[Encoding, int]] = {"pcmu": 8000, "pcma": 8000, "g722": 8000, "opus": OPUS_CLOCK_HZ}
"""Of what RTP fixes; L16 has the rate that the media format says."""
L16_RATES_HZ: Final = (8000, 16000, 24000, 48000)
ALLOWED_IN: Final[Mapping[str, tuple[State, ...]]] = {
    "connected": ("idle",),
    "start": ("idle", "connected"),
    "media": ("open",),
    "dtmf": ("open",),
    "mark": ("open",),
    "stop": ("open",),
}


class TelnyxCodec:
    """One stream. Every method returns events in order, or raises PeerError and has changed nothing."""

    def __init__(
        self, *, options: IngestOptions | None = None, l16_byte_order: Literal["little", "big"] = "little"
    ) -> None:
        self.ignored = 0
        """Messages that were skipped."""
        self._options = options or IngestOptions()
        self._l16_byte_order = l16_byte_order
        self._state: State = "idle"
        self._stream_id = ""
        self._encoding: Encoding = "pcmu"
        self._rate_hz = 8000
        self._tracks: dict[str, Reorderer] = {}
        self._readers: Mapping[str, Callable[[Mapping[str, Any]], list[WireEvent]]] = {
            "connected": self._connected, "start": self._start, "media": self._media, "dtmf": self._dtmf,
            "mark": self._mark, "stop": self._stop,
        }

    def receive_text(self, text: str) -> list[WireEvent]:
        """One message; what Telnyx reports as its own `error` is skipped: we send nothing that could be wrong."""
        message = parse(text, self._options.max_text_bytes)
        event = named_event(message, ALLOWED_IN, self._state, ("stream_id", self._stream_id))
        if event is None:
            self.ignored += 1
            return []
        return self._readers[event](message)

    def receive_binary(self, data: bytes) -> list[WireEvent]:
        """Telnyx sends none: ignored."""
        check_binary(data, self._options.max_binary_bytes)
        self.ignored += 1
        return []

    def connection_lost(self) -> list[WireEvent]:
        """The socket is gone: an open call has vanished, after the audio that still waited for its turn."""
        if self._state != "open":
            return []
        self._state = "ended"
        return [*self._flush(), CallEnded("vanished")]

    def encode(self, message: Mapping[str, Any]) -> list[str | bytes]:
        """Nothing: towards Telnyx go only media, marks and clears, so that none of our messages can be said."""
        return []

    def _connected(self, _: Mapping[str, Any]) -> list[WireEvent]:
        self._state = "connected"
        return []

    def _start(self, message: Mapping[str, Any]) -> list[WireEvent]:
        start = mapping(message, "start")
        stream_id = matching(message, "stream_id", IDENTIFIER)
        call_id = matching(start, "call_control_id", IDENTIFIER)
        parameters = strings(start.get("custom_parameters") or {}, "custom_parameters")
        encoding, rate_hz = _format(mapping(start, "media_format"))
        # Which tracks will come is not said; only the caller's is judged.
        channels: tuple[Channel, ...] = ("caller", "agent")
        started = CallStarted(call_id, encoding, rate_hz, channels, *claims(parameters))
        max_gap = int(self._options.max_gap_s * rate_hz)
        self._tracks = {
            track: Reorderer(Sequencer(channel, tolerance=1, max_gap=max_gap)) for track, channel in TRACKS.items()
        }
        self._encoding, self._rate_hz = encoding, rate_hz
        self._state, self._stream_id = "open", stream_id
        return [started]

    def _media(self, message: Mapping[str, Any]) -> list[WireEvent]:
        media = mapping(message, "media")
        track = media.get("track", "inbound")
        if not isinstance(track, str) or track not in self._tracks:
            raise PeerError("unknown_channel", "tracks are inbound and outbound")
        chunk, data = number(media, "chunk"), payload(media)
        if not data:
            return []
        if self._encoding == "l16" and self._l16_byte_order == "big":
            data = _swapped(data)
        return [*self._tracks[track].push(data, samples_in(self._encoding, data), chunk)]

    def _dtmf(self, message: Mapping[str, Any]) -> list[WireEvent]:
        # Keys are events of the call, not of a track; they are the caller's.
        return [DtmfReceived("caller", matching(mapping(message, "dtmf"), "digit", DIGIT))]

    def _mark(self, message: Mapping[str, Any]) -> list[WireEvent]:
        return [MarkReceived(mark(mapping(message, "mark")))]

    def _stop(self, _: Mapping[str, Any]) -> list[WireEvent]:
        self._state = "ended"
        return [*self._flush(), CallEnded("stopped")]

    def _flush(self) -> list[WireEvent]:
        return [event for track in self._tracks.values() for event in track.flush()]


def _format(media_format: Mapping[str, Any]) -> tuple[Encoding, int]:
    """Encoding and clock."""
    name = media_format.get("encoding")
    encoding = ENCODINGS.get(name.lower()) if isinstance(name, str) else None
    rate_hz = number(media_format, "sample_rate")
    channels = number(media_format, "channels") if "channels" in media_format else 1
    if encoding is None or channels != 1 or (encoding == "l16" and rate_hz not in L16_RATES_HZ):
        raise PeerError("unsupported_media", "this media format is not supported", close_code=1003)
    return encoding, rate_hz if encoding == "l16" else CLOCKS_HZ[encoding]


def _swapped(data: bytes) -> bytes:
    """16-bit samples with their bytes the other way round; a half sample at the end stays."""
    swapped = bytearray(data)
    swapped[0 : len(data) // 2 * 2 : 2], swapped[1::2] = data[1::2], data[0 : len(data) // 2 * 2 : 2]
    return bytes(swapped)
