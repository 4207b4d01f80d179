"""Media forks of FreeSWITCH: one text message about the call, then signed 16-bit little-endian audio in binary ones.

mod_audio_fork and mod_audio_stream speak so, and jambonz, which runs the former; what differs is a `Dialect`. Audio is
mono, the channel that the fork hangs on, or stereo, what is read from that channel left and what is written to it right
(switch_core_media_bug_read). A mix of both is refused: caller and agent must never be judged as one voice. There is no
clock beside the samples. A stream ends as the module closes the socket.

mod_audio_stream may send its first frames before the message about the call (seen under FreeSWITCH 1.11.2): they wait.

Later text is whatever an application sends: `{"event": "dtmf", "dtmf": "5"}` as jambonz words it, and in the same form
`{"event": "intent", "action", "parameters"?}` and `{"event": "transcript", "channel"?, "text"}`. All else is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import orjson

from voiceguard.errors import PeerError
from voiceguard.events import (
    CallEnded,
    CallStarted,
    Channel,
    DtmfReceived,
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
    digits,
    intent,
    matching,
    number,
    parse,
)
from voiceguard.ingest.interleaved import Interleaved
from voiceguard.ingest.media import MAX_EARLY_BYTES, channel_names

State = Literal["idle", "open", "ended"]

MIXES: Final[Mapping[str, tuple[Channel, ...]]] = {"mono": ("caller",), "stereo": ("caller", "agent")}
"""How audio is mixed to whose it is, unless `channels` says otherwise: as when the fork hangs on the agent's leg."""
RATES_HZ: Final = range(8000, 48001, 8000)
BYTES_PER_SAMPLE = 2


@dataclass(frozen=True)
class Dialect:
    """What the first message calls things, and how our messages are worded."""

    call_id: str
    """Its field that names the call."""
    metadata: frozenset[str] | None
    """Its fields that are kept; None: all that have no other meaning, and they are strings."""
    word: Callable[[Mapping[str, Any]], list[dict[str, Any]]]
    """One of our messages as those of this protocol."""


class ForkCodec:
    """One fork. Every method returns events in order, or raises PeerError and has changed nothing.

    Of the first message, `customer_ref`, `consent` (a list, or purposes separated by commas), `mixType`, `sampleRate`
    and `channels` are read.
    """

    def __init__(self, dialect: Dialect, *, options: IngestOptions | None = None) -> None:
        self.ignored = 0
        """Messages that were skipped."""
        self._dialect = dialect
        self._options = options or IngestOptions()
        self._state: State = "idle"
        self._early = b""
        self._audio = Interleaved((), BYTES_PER_SAMPLE)
        self._readers: Mapping[str, Callable[[Mapping[str, Any]], WireEvent]] = {
            "dtmf": self._key, "intent": intent, "transcript": self._transcript,
        }

    def receive_text(self, text: str) -> list[WireEvent]:
        """The call's attributes first, then what an application sends."""
        if self._state == "idle":
            started = self._start(parse(text, self._options.max_text_bytes))
            early, self._early = self._early, b""
            return [started, *self._audio.feed(early)]
        if self._state == "ended":
            raise PeerError("out_of_order", "the stream has ended")
        message = self._application(text)
        event = message.get("event")
        if not isinstance(event, str) or event not in self._readers:
            self.ignored += 1
            return []
        try:
            return [self._readers[event](message)]
        except PeerError as error:  # what stands beside the audio never costs the call
            raise PeerError(error.code, str(error), close_code=error.close_code, fatal=False) from None

    def receive_binary(self, data: bytes) -> list[WireEvent]:
        """Audio, cut anywhere: one `AudioReceived` per channel."""
        check_binary(data, self._options.max_binary_bytes)
        if self._state == "ended":
            raise PeerError("out_of_order", "the stream has ended")
        if self._state == "open":
            return [*self._audio.feed(data)]
        if len(self._early) + len(data) > MAX_EARLY_BYTES:
            raise PeerError("out_of_order", "the call's attributes come before its audio")
        self._early += data
        return []

    def connection_lost(self) -> list[WireEvent]:
        """The socket is gone."""
        if self._state != "open":
            return []
        self._state = "ended"
        return [CallEnded("vanished")]

    def encode(self, message: Mapping[str, Any]) -> list[str | bytes]:
        """One of our messages, in the dialect's words."""
        return [orjson.dumps(worded).decode() for worded in self._dialect.word(message)]

    def _application(self, text: str) -> dict[str, Any]:
        try:
            return parse(text, self._options.max_text_bytes)
        except PeerError as error:
            if error.code == "too_big":
                raise
            return {}  # any text may be sent to the far end of a fork

    def _start(self, message: dict[str, Any]) -> CallStarted:
        rate_hz = number(message, "sampleRate") if "sampleRate" in message else 8000
        if rate_hz not in RATES_HZ:
            raise PeerError("unsupported_media", "this sample rate is not supported", close_code=1003)
        name = self._dialect.call_id
        call_id = matching({name: digits(message.get(name))}, name, IDENTIFIER)
        channels = _channels(message)
        started = CallStarted(call_id, "l16", rate_hz, channels, *beside(self._beside(message)))
        self._state, self._audio = "open", Interleaved(channels, BYTES_PER_SAMPLE)
        return started

    def _beside(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """What of the message is the customer, the consent and metadata."""
        kept, known = self._dialect.metadata, {self._dialect.call_id, "mixType", "sampleRate", "channels"}
        return {
            name: value for name, value in message.items()
            if (kept is None and name not in known) or name in ("customer_ref", "consent", *(kept or ()))
        }

    def _key(self, message: Mapping[str, Any]) -> DtmfReceived:
        return DtmfReceived("caller", matching(message, "dtmf", DIGIT))

    def _transcript(self, message: Mapping[str, Any]) -> TranscriptReceived:
        text, channel = message.get("text"), message.get("channel", "caller")
        if not isinstance(text, str):
            raise bad("text")
        if channel not in get_args(Channel):
            raise PeerError("unknown_channel", "channels are caller and agent")
        return TranscriptReceived(channel, text)


def _channels(message: Mapping[str, Any]) -> tuple[Channel, ...]:
    mix = message.get("mixType", "mono")
    if mix == "mixed":
        raise PeerError("unsupported_media", "caller and agent must come apart: mono or stereo", close_code=1003)
    if not isinstance(mix, str) or mix not in MIXES:
        raise bad("mixType")
    values = message.get("channels", list(MIXES[mix]))
    if not isinstance(values, list) or len(values) != len(MIXES[mix]):
        raise bad("channels")
    return channel_names(values)
