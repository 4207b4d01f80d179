"""Telnyx media streaming: JSON text messages (Telnyx: Stream call media over WebSocket; Media streaming).

The order of media is not guaranteed, so it is put right by `chunk`, within a few frames. What `timestamp` counts is not
documented, and it is not used: a chunk that never comes is a gap as long as the frame that follows. The payload is that
of the call's RTP packets without their heads: PCMU, PCMA, G722, OPUS (one packet a message) or L16. AMR-WB is refused.
That L16 is little-endian, unlike in RTP, is not documented either, but so others read it; a setting swaps its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from voiceguard.errors import PeerError
from voiceguard.events import Encoding
from voiceguard.ingest.fields import IDENTIFIER, mapping, matching, number
from voiceguard.ingest.json_stream import ALLOWED_IN, Format, JsonPlatform, Start, Track
from voiceguard.ingest.media import OPUS_CLOCK_HZ, TRACKS, payload
from voiceguard.ingest.reorder import Placed

AUTH_HEADER: Final = "x-telnyx-streaming-auth-token"
"""Of the upgrade request: carries the `stream_auth_token` with which streaming was asked for."""
ENCODINGS: Final[Mapping[str, Encoding]] = {
    "pcmu": "pcmu", "audio/x-mulaw": "pcmu", "pcma": "pcma", "g722": "g722", "opus": "opus", "l16": "l16",
}
"""`media_format.encoding` in small letters; the older name of mu-law stands in older examples."""
CLOCKS_HZ: Final[Mapping[Encoding, int]] = {"pcmu": 8000, "pcma": 8000, "g722": 8000, "opus": OPUS_CLOCK_HZ}
"""Of what RTP fixes; L16 has the rate that the media format says."""
L16_RATES_HZ: Final = (8000, 16000, 24000, 48000)


def _read_start(message: Mapping[str, Any]) -> Start:
    start = mapping(message, "start")
    return Start(
        matching(message, "stream_id", IDENTIFIER), matching(start, "call_control_id", IDENTIFIER),
        start.get("custom_parameters"),
    )


def _read_format(start: Mapping[str, Any]) -> Format:
    """Telnyx does not say which tracks will come, so both may; only the caller's is judged."""
    media_format = mapping(start, "media_format")
    name = media_format.get("encoding")
    encoding = ENCODINGS.get(name.lower()) if isinstance(name, str) else None
    rate_hz = number(media_format, "sample_rate")
    channels = number(media_format, "channels") if "channels" in media_format else 1
    if encoding is None or channels != 1 or (encoding == "l16" and rate_hz not in L16_RATES_HZ):
        raise PeerError("unsupported_media", "this media format is not supported", close_code=1003)
    return Format(encoding, rate_hz if encoding == "l16" else CLOCKS_HZ[encoding], TRACKS)


def _place(media: Mapping[str, Any], track: Track, *, l16_big_endian: bool = False) -> list[Placed]:
    chunk, data = number(media, "chunk"), payload(media)
    if l16_big_endian and track.encoding == "l16":
        data = _swapped(data)
    return track.reorderer.push(data, track.samples_in(data), chunk) if data else []


def _swapped(data: bytes) -> bytes:
    """16-bit samples with their bytes the other way round; a half sample at the end stays."""
    swapped = bytearray(data)
    swapped[0 : len(data) // 2 * 2 : 2], swapped[1::2] = data[1::2], data[0 : len(data) // 2 * 2 : 2]
    return bytes(swapped)


TELNYX: Final = JsonPlatform("stream_id", _read_start, _read_format, _place, ALLOWED_IN)
"""Telnyx reports its own faults as `error`, which is ignored: we send nothing that could be wrong."""
TELNYX_BIG_ENDIAN: Final = replace(TELNYX, place=partial(_place, l16_big_endian=True))
"""For an account whose L16 comes in network byte order."""
