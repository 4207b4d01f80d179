"""Plivo audio streams: JSON text messages (Plivo: Audio streaming guide; Audio streaming protocol reference).

Mu-law at 8 kHz or 16-bit PCM, little-endian, at 8 or 16 kHz, base64, about 20 ms a message. `chunk` counts the messages
of a track; `timestamp` is the time of the day at the sender and jitters, so it is not used: a chunk that never comes is
a gap as long as the frame that follows. There is no last message: the call is over when the socket closes in order.
(Some examples show a `stop`; it is understood.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from voiceguard.errors import PeerError
from voiceguard.events import Encoding
from voiceguard.ingest.fields import IDENTIFIER, mapping, matching, number
from voiceguard.ingest.json_stream import Format, JsonPlatform, Start, State, Track
from voiceguard.ingest.media import declared_tracks, payload
from voiceguard.ingest.reorder import Placed

FORMATS: Final[Mapping[tuple[str, int], Encoding]] = {
    ("audio/x-mulaw", 8000): "pcmu", ("audio/x-l16", 8000): "l16", ("audio/x-l16", 16000): "l16",
}
ALLOWED_IN: Final[Mapping[str, tuple[State, ...]]] = {
    "start": ("idle",),
    "media": ("open",),
    "dtmf": ("open",),
    "playedStream": ("open",),
    "stop": ("open",),
}
_HEADER_PREFIX = re.compile(r"^X-PH-", re.IGNORECASE)
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _read_start(message: Mapping[str, Any]) -> Start:
    start = mapping(message, "start")
    return Start(
        matching(start, "streamId", IDENTIFIER), matching(start, "callId", IDENTIFIER),
        extra_headers(message.get("extra_headers")),
    )


def _read_format(start: Mapping[str, Any]) -> Format:
    media_format = mapping(start, "mediaFormat")
    name, rate_hz = media_format.get("encoding"), number(media_format, "sampleRate")
    encoding = FORMATS.get((name, rate_hz)) if isinstance(name, str) else None
    if encoding is None:
        raise PeerError("unsupported_media", "this media format is not supported", close_code=1003)
    return Format(encoding, rate_hz, declared_tracks(start.get("tracks", ["inbound"])))


def _place(media: Mapping[str, Any], track: Track) -> list[Placed]:
    data = payload(media)
    if not data:
        return []
    sequencer, samples = track.sequencer, track.samples_in(data)
    if "chunk" in media:
        return sequencer.follow(data, samples, number(media, "chunk"))
    return sequencer.place(data, samples, sequencer.position)


PLIVO: Final = JsonPlatform("streamId", _read_start, _read_format, _place, ALLOWED_IN, key_track="")


def extra_headers(value: object) -> object:
    """The entries of `extra_headers`, with names in our spelling; what is no string as it is.

    Plivo shows the attribute's pairs as it got them (`userId=12345;sessionId=abc`), and elsewhere as a map in braces
    with its prefix (`{X-PH-userId: 12345}`); commas and quotation marks are seen as well. Only letters and digits are
    sure to pass, so `customerRef` is `customer_ref`, and of the consent `voiceAnalysis` is `voice_analysis`; several
    purposes stand with a plus sign between them. What is no pair is passed over.
    """
    if not isinstance(value, str):
        return value
    entries: dict[str, str] = {}
    for pair in re.split(r"[;,]", value.strip().removeprefix("{").removesuffix("}")):
        name, separator, text = (re.split(r"([=:])", pair, maxsplit=1) + ["", ""])[:3]
        name = _snake(_HEADER_PREFIX.sub("", name.strip(" \"'")))
        if separator and name:
            entries[name] = unquote(text.strip(" \"'"))
    if "consent" in entries:
        entries["consent"] = _snake(entries["consent"]).replace("+", ",")
    return entries


def _snake(name: str) -> str:
    return _CAPITAL.sub("_", name).lower() if _CAPITAL.search(name) else name
