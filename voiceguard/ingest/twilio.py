"""Twilio Media Streams, and SignalWire's of the same shape: JSON text messages, both ways (Twilio: Media Streams,
WebSocket messages; SignalWire: cXML, Stream).

Twilio's stream is always mu-law at 8 kHz, base64, 20 ms a message; SignalWire's has the codec that its `<Stream>` asks
for, and its reference shows each message inside another, as `rawEvent`: either shape is read. Numbers arrive as
strings. `timestamp` counts milliseconds since the stream's start and `chunk` the messages; both may skip.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, Final

from voiceguard.errors import PeerError
from voiceguard.events import Encoding
from voiceguard.ingest.fields import IDENTIFIER, mapping, matching, number
from voiceguard.ingest.json_stream import ALLOWED_IN, Format, JsonPlatform, Start, Track
from voiceguard.ingest.media import declared_tracks, payload
from voiceguard.ingest.reorder import Placed

FRAME_MS = 20
TWILIO_FORMATS: Final[Mapping[tuple[str, int], tuple[Encoding, int]]] = {("audio/x-mulaw", 8000): ("pcmu", 8000)}
"""`encoding`, in small letters, and `sampleRate` of a media format, to the encoding and its clock."""
SIGNALWIRE_FORMATS: Final[Mapping[tuple[str, int], tuple[Encoding, int]]] = {
    ("audio/x-mulaw", 8000): ("pcmu", 8000),
    ("audio/x-alaw", 8000): ("pcma", 8000),
    ("audio/x-g722", 8000): ("g722", 8000),
    ("audio/x-g722", 16000): ("g722", 8000),
    **{("audio/x-l16", rate_hz): ("l16", rate_hz) for rate_hz in (8000, 16000, 24000, 48000)},
}
"""Of the names, mu-law's and L16's are in SignalWire's reference; the others are formed alike, and not verified."""


def _read_start(message: Mapping[str, Any]) -> Start:
    start = mapping(message, "start")
    return Start(
        matching(message if "streamSid" in message else start, "streamSid", IDENTIFIER),
        matching(start, "callSid", IDENTIFIER), start.get("customParameters"),
    )


def _read_format(
    formats: Mapping[tuple[str, int], tuple[Encoding, int]], channels: Collection[int], start: Mapping[str, Any]
) -> Format:
    media_format = mapping(start, "mediaFormat")
    encoding, rate_hz = media_format.get("encoding"), number(media_format, "sampleRate")
    known = formats.get((encoding.lower() if isinstance(encoding, str) else "", rate_hz))
    if known is None or number(media_format, "channels") not in channels:
        raise PeerError("unsupported_media", "this media format is not supported", close_code=1003)
    return Format(*known, declared_tracks(start.get("tracks", ["inbound"])))


def _place(media: Mapping[str, Any], track: Track) -> list[Placed]:
    start_sample = number(media, "timestamp") * track.rate_hz // 1000
    chunk = number(media, "chunk") if "chunk" in media else None
    data = payload(media)
    return track.sequencer.place(data, track.samples_in(data), start_sample, chunk) if data else []


TWILIO: Final = JsonPlatform(
    "streamSid", _read_start, partial(_read_format, TWILIO_FORMATS, (1,)), _place, ALLOWED_IN, jitter_ms=FRAME_MS,
    key_track="_track",
)
SIGNALWIRE: Final = JsonPlatform(
    "streamSid", _read_start, partial(_read_format, SIGNALWIRE_FORMATS, (1, 2)), _place, ALLOWED_IN,
    jitter_ms=FRAME_MS, key_track="_track", wrapped=True,
)
"""A stream of both tracks may count two channels; each message is of one all the same."""
