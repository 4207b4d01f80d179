"""Plivo audio streams: JSON text messages (Plivo: Audio streaming guide; Audio streaming protocol reference).

Mu-law at 8 kHz or 16-bit PCM, little-endian, at 8 or 16 kHz, base64, about 20 ms a message. `chunk` counts the messages
of a track; `timestamp` is the time of the day at the sender and jitters, so it is not used: a chunk that never comes is
a gap as long as the frame that follows. There is no last message: the call is over when the socket closes in order.
(Some examples show a `stop`; it is understood.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal
from urllib.parse import unquote

from voiceguard.errors import PeerError
from voiceguard.events import CallEnded, CallStarted, DtmfReceived, Encoding, MarkReceived, WireEvent
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.fields import (
    DIGIT,
    IDENTIFIER,
    NAME,
    bad,
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
from voiceguard.ingest.media import declared_tracks, payload, samples_in
from voiceguard.ingest.reorder import Sequencer

State = Literal["idle", "open", "ended"]

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


class PlivoCodec:
    """One stream. Every method returns events in order, or raises PeerError and has changed nothing."""

    def __init__(self, *, options: IngestOptions | None = None) -> None:
        self.ignored = 0
        """Messages that were skipped."""
        self._options = options or IngestOptions()
        self._state: State = "idle"
        self._stream_id = ""
        self._encoding: Encoding = "pcmu"
        self._tracks: dict[str, Sequencer] = {}
        self._readers: Mapping[str, Callable[[Mapping[str, Any]], list[WireEvent]]] = {
            "start": self._start, "media": self._media, "dtmf": self._dtmf, "playedStream": self._played,
            "stop": self._stop,
        }

    def receive_text(self, text: str) -> list[WireEvent]:
        """One message."""
        message = parse(text, self._options.max_text_bytes)
        event = named_event(message, ALLOWED_IN, self._state, ("streamId", self._stream_id))
        if event is None:
            self.ignored += 1
            return []
        return self._readers[event](message)

    def receive_binary(self, data: bytes) -> list[WireEvent]:
        """Plivo sends none: ignored."""
        check_binary(data, self._options.max_binary_bytes)
        self.ignored += 1
        return []

    def connection_lost(self) -> list[WireEvent]:
        """The socket is gone: an open call has vanished, unless the driver knows better."""
        if self._state != "open":
            return []
        self._state = "ended"
        return [CallEnded("vanished")]

    def encode(self, message: Mapping[str, Any]) -> list[str | bytes]:
        """Nothing: towards Plivo go only audio, checkpoints and clears, so that none of our messages can be said."""
        return []

    def _start(self, message: Mapping[str, Any]) -> list[WireEvent]:
        start = mapping(message, "start")
        stream_id = matching(start, "streamId", IDENTIFIER)
        call_id = matching(start, "callId", IDENTIFIER)
        parameters = strings(extra_headers(message.get("extra_headers", "")), "extra_headers")
        media_format = mapping(start, "mediaFormat")
        name, rate_hz = media_format.get("encoding"), number(media_format, "sampleRate")
        encoding = FORMATS.get((name, rate_hz)) if isinstance(name, str) else None
        if encoding is None:
            raise PeerError("unsupported_media", "this media format is not supported", close_code=1003)
        tracks = declared_tracks(start.get("tracks", ["inbound"]))
        started = CallStarted(call_id, encoding, rate_hz, tuple(tracks.values()), *claims(parameters))
        max_gap = int(self._options.max_gap_s * rate_hz)
        self._tracks = {
            track: Sequencer(channel, tolerance=1, max_gap=max_gap) for track, channel in tracks.items()
        }
        self._encoding, self._state, self._stream_id = encoding, "open", stream_id
        return [started]

    def _media(self, message: Mapping[str, Any]) -> list[WireEvent]:
        media = mapping(message, "media")
        sequencer, data = self._track(media), payload(media)
        if not data:
            return []
        samples = samples_in(self._encoding, data)
        if "chunk" in media:
            return [*sequencer.follow(data, samples, number(media, "chunk"))]
        return [*sequencer.place(data, samples, sequencer.position)]

    def _track(self, body: Mapping[str, Any]) -> Sequencer:
        track = body.get("track", "inbound")
        if not isinstance(track, str) or track not in self._tracks:
            raise PeerError("unknown_channel", "the stream did not declare this track")
        return self._tracks[track]

    def _dtmf(self, message: Mapping[str, Any]) -> list[WireEvent]:
        dtmf = mapping(message, "dtmf")
        return [DtmfReceived(self._track(dtmf).channel, matching(dtmf, "digit", DIGIT))]

    def _played(self, message: Mapping[str, Any]) -> list[WireEvent]:
        return [MarkReceived(mark(message))]

    def _stop(self, _: Mapping[str, Any]) -> list[WireEvent]:
        self._state = "ended"
        return [CallEnded("stopped")]


def extra_headers(value: object) -> dict[str, str]:
    """The entries of `extra_headers`, with names in our spelling. Raises PeerError for what is no string.

    Plivo shows the attribute's pairs as it got them (`userId=12345;sessionId=abc`), and elsewhere as a map in braces
    with its prefix (`{X-PH-userId: 12345}`); commas and quotation marks are seen as well. Only letters and digits are
    sure to pass, so `customerRef` is `customer_ref`, and of the consent `voiceAnalysis` is `voice_analysis`; several
    purposes stand with a plus sign between them. A pair that cannot be read is passed over.
    """
    if not isinstance(value, str):
        raise bad("extra_headers")
    entries: dict[str, str] = {}
    for pair in re.split(r"[;,]", value.strip().removeprefix("{").removesuffix("}")):
        name, separator, text = (re.split(r"([=:])", pair, maxsplit=1) + ["", ""])[:3]
        name = _snake(_HEADER_PREFIX.sub("", name.strip(" \"'")))
        if separator and NAME.fullmatch(name):
            entries[name] = unquote(text.strip(" \"'"))
    if "consent" in entries:
        entries["consent"] = _snake(entries["consent"]).replace("+", ",")
    return entries


def _snake(name: str) -> str:
    return _CAPITAL.sub("_", name).lower() if _CAPITAL.search(name) else name
