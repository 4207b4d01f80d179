"""The codec of platforms that stream a call as JSON text messages: Twilio, SignalWire, Telnyx and Plivo.

Such a platform sends `start`, which describes the call, then `media` with base64 audio of one track a message, keys,
marks and `stop`. `JsonStreamCodec` owns the state, the order of messages, the limits and the end of the call. A
`JsonPlatform` describes what differs: how `start` is read, and where a `media` message is placed on its track's clock.
Unknown events and binary messages are ignored, so that a later version of a protocol does no harm, and so are keys and
marks of a form that nobody knows.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from voiceguard.errors import PeerError
from voiceguard.events import CallEnded, CallStarted, Channel, DtmfReceived, Encoding, MarkReceived, WireEvent
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.fields import DIGIT, beside, check_binary, mapping, mark, matching, named_event, parse
from voiceguard.ingest.media import MAX_EARLY_BYTES, TRACKS, samples_in
from voiceguard.ingest.reorder import Placed, Reorderer, Sequencer

REMEMBERED = 64
"""Keys whose message is known again when it comes twice."""
State = Literal["idle", "connected", "open", "ended"]

ALLOWED_IN: Final[Mapping[str, tuple[State, ...]]] = {
    "connected": ("idle",),
    "start": ("idle", "connected"),
    "media": ("open",),
    "dtmf": ("open",),
    "mark": ("open",),
    "stop": ("open",),
}
"""Events of Twilio, SignalWire and Telnyx, with the states in which each may come."""


_BESIDE: Final = ("media", "dtmf", "mark", "playedStream")
"""Events that may come before `start` where a network puts messages out of order: media wait for it, the others are
passed over."""


class Start(NamedTuple):
    """The call that a `start` message names."""

    stream_id: str
    call_id: str
    parameters: object
    """What stands beside the call, in whatever form: `customer_ref`, `consent` and `token`; all others are metadata."""


class Format(NamedTuple):
    """The audio that a `start` message announces."""

    encoding: Encoding
    rate_hz: int
    """Of the stream's clock."""
    tracks: Mapping[str, Channel]


@dataclass(frozen=True)
class Track:
    """One track of an open stream: its format, and what places its frames."""

    encoding: Encoding
    rate_hz: int
    sequencer: Sequencer
    reorderer: Reorderer
    """In front of the sequencer, for a platform whose frames come out of order; unused by the others."""

    def samples_in(self, data: bytes) -> int | None:
        """How far the payload moves the track's clock; None when it is damaged."""
        return samples_in(self.encoding, data)


@dataclass(frozen=True)
class JsonPlatform:
    """How one platform speaks the protocol. Each reader raises PeerError for a malformed message."""

    stream_id: str
    """Field of every message that names the stream."""
    read_start: Callable[[Mapping[str, Any]], Start]
    """Reads the call from the whole message."""
    read_format: Callable[[Mapping[str, Any]], Format]
    """Reads the media format and the tracks from the message's `start` object."""
    place: Callable[[Mapping[str, Any], Track], list[Placed]]
    """Places the audio of a message's `media` object on its track."""
    allowed_in: Mapping[str, tuple[State, ...]]
    jitter_ms: int = 0
    """A timestamp less than this ahead of the samples received makes no gap."""
    key_track: str | None = None
    """Suffix of the track's name in `dtmf`; None: `dtmf` names no track, and keys are the caller's."""
    wrapped: bool = False
    """Whether a message may come inside another, as `rawEvent`."""


class JsonStreamCodec:
    """One stream. Every method returns events in order, or raises PeerError and has changed nothing.

    `check_token`, where given, is called with the parameter `token`, empty when there is none, and the call's id; it
    raises AuthenticationError when they do not belong together. The parameters `customer_ref` and `consent` (purposes,
    separated by commas) go into `CallStarted`, all others into its metadata.
    """

    def __init__(
        self, platform: JsonPlatform, *, options: IngestOptions | None = None,
        check_token: Callable[[str, str], None] | None = None,
    ) -> None:
        self.ignored = 0
        """Messages that were skipped."""
        self._platform = platform
        self._options = options or IngestOptions()
        self._check_token = check_token
        self._state: State = "idle"
        self._stream_id = ""
        self._tracks: dict[str, Track] = {}
        self._keys: deque[object] = deque(maxlen=REMEMBERED)
        """Numbers of the last keys' messages."""
        self._early: list[Mapping[str, Any]] = []
        self._early_bytes = 0
        self._readers: Mapping[str, Callable[[Mapping[str, Any]], list[WireEvent]]] = {
            "connected": self._connected, "start": self._start, "media": self._media, "dtmf": self._dtmf,
            "mark": self._mark, "playedStream": self._played, "stop": self._stop,
        }

    def receive_text(self, text: str) -> list[WireEvent]:
        """One message."""
        message = parse(text, self._options.max_text_bytes)
        if self._platform.wrapped and isinstance(message.get("rawEvent"), dict):
            message = {**message, **message["rawEvent"]}
        if self._state in ("idle", "connected") and message.get("event") in _BESIDE:
            self._wait(message, len(text))
            return []
        stream = self._platform.stream_id, self._stream_id
        event = named_event(message, self._platform.allowed_in, self._state, stream)
        if event is None:
            self.ignored += 1
            return []
        try:
            return self._readers[event](message)
        except PeerError:
            if event in ("start", "media"):
                raise
            self.ignored += 1  # what stands beside the audio never costs the call
            return []

    def _wait(self, message: Mapping[str, Any], size: int) -> None:
        """Keep media that came before its start, as long as there is room."""
        self._early_bytes += size
        if message["event"] != "media" or self._early_bytes > MAX_EARLY_BYTES:
            self.ignored += 1
        else:
            self._early.append(message)

    def receive_binary(self, data: bytes) -> list[WireEvent]:
        """The platforms send none: ignored."""
        check_binary(data, self._options.max_binary_bytes)
        self.ignored += 1
        return []

    def connection_lost(self) -> list[WireEvent]:
        """The socket is gone: an open call has vanished, after the audio that still waited for its turn."""
        return self._end(CallEnded("vanished")) if self._state == "open" else []

    def encode(self, message: Mapping[str, Any]) -> list[str | bytes]:
        """Nothing: towards the platforms go only media, marks and clears, so that none of our messages can be said."""
        return []

    def _connected(self, _: Mapping[str, Any]) -> list[WireEvent]:
        self._state = "connected"
        return []

    def _start(self, message: Mapping[str, Any]) -> list[WireEvent]:
        stream_id, call_id, parameters = self._platform.read_start(message)
        if self._check_token is not None:
            token = parameters.get("token") if isinstance(parameters, Mapping) else None
            self._check_token(token if isinstance(token, str) else "", call_id)
        encoding, rate_hz, channels = self._platform.read_format(mapping(message, "start"))
        started = CallStarted(call_id, encoding, rate_hz, tuple(channels.values()), *beside(parameters))
        for name, channel in channels.items():
            sequencer = Sequencer(
                channel, tolerance=max(1, rate_hz * self._platform.jitter_ms // 1000),
                max_gap=int(self._options.max_gap_s * rate_hz),
            )
            self._tracks[name] = Track(encoding, rate_hz, sequencer, Reorderer(sequencer))
        self._state, self._stream_id = "open", stream_id
        early, self._early = self._early, []
        return [started, *(event for message in early for event in self._heard_early(message))]

    def _heard_early(self, message: Mapping[str, Any]) -> list[WireEvent]:
        if message.get(self._platform.stream_id, self._stream_id) == self._stream_id:
            with contextlib.suppress(PeerError):
                return self._media(message)
        self.ignored += 1
        return []

    def _media(self, message: Mapping[str, Any]) -> list[WireEvent]:
        media = mapping(message, "media")
        name = media.get("track", "inbound")
        self._check_track(name)
        return [*self._platform.place(media, self._tracks[name])]

    def _dtmf(self, message: Mapping[str, Any]) -> list[WireEvent]:
        dtmf, suffix = mapping(message, "dtmf"), self._platform.key_track
        name = "inbound"
        if suffix is not None:
            name = dtmf.get("track", name)
            name = name.removesuffix(suffix) if isinstance(name, str) else name
            self._check_track(name)
        digit = matching(dtmf, "digit", DIGIT)
        number = message.get("sequenceNumber", message.get("sequence_number"))
        if number is not None and (number, digit) in self._keys:  # the platform sent this message before
            self.ignored += 1
            return []
        self._keys.append((number, digit))
        return [DtmfReceived(TRACKS[name], digit)]

    def _check_track(self, name: object) -> None:
        if not isinstance(name, str) or name not in self._tracks:
            raise PeerError("unknown_channel", "the stream did not declare this track")

    def _mark(self, message: Mapping[str, Any]) -> list[WireEvent]:
        return [MarkReceived(mark(mapping(message, "mark")))]

    def _played(self, message: Mapping[str, Any]) -> list[WireEvent]:
        return [MarkReceived(mark(message))]

    def _stop(self, _: Mapping[str, Any]) -> list[WireEvent]:
        return self._end(CallEnded("stopped"))

    def _end(self, ended: CallEnded) -> list[WireEvent]:
        self._state = "ended"
        return [*(placed for track in self._tracks.values() for placed in track.reorderer.flush()), ended]
