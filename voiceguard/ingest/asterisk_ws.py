"""Asterisk's websocket channel: media in binary messages, control in text ones (Asterisk: Channel Drivers, WebSocket;
channels/chan_websocket.c of 20.16 to 23).

Control messages are plain text, `EVENT name:value ...`, or JSON where `control_message_format` says so (from 20.18,
22.8, 23.2 on); we answer as `MEDIA_START` came. The audio is what Asterisk writes to the channel, the caller's alone,
in the channel's codec, without a clock of its own. We send no media, so what flow control says has no effect, and a
call ends as Asterisk closes the socket. Unknown events are ignored, as are keys that are none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal
from uuid import UUID

import orjson

from voiceguard.errors import PeerError
from voiceguard.events import CallEnded, CallStarted, DtmfReceived, Encoding, WireEvent
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.fields import DIGIT, IDENTIFIER, bad, beside, check_binary, digits, matching, parse, too_big
from voiceguard.ingest.interleaved import Interleaved
from voiceguard.ingest.media import MAX_EARLY_BYTES

State = Literal["idle", "open", "ended"]

FORMATS: Final[Mapping[str, tuple[Encoding, int]]] = {
    "ulaw": ("pcmu", 8000), "alaw": ("pcma", 8000), "g722": ("g722", 8000),
    "slin": ("l16", 8000), "slin12": ("l16", 12000), "slin16": ("l16", 16000), "slin24": ("l16", 24000),
    "slin32": ("l16", 32000), "slin44": ("l16", 44100), "slin48": ("l16", 48000), "slin96": ("l16", 96000),
    "slin192": ("l16", 192000),
}
"""Asterisk's name of a codec to what it is; slin is little-endian, as the machines are that Asterisk runs on."""
VARIABLE: Final = "VOICEGUARD_"
"""Channel variables of this prefix are meant for us."""


class AsteriskCodec:
    """One websocket of Asterisk's. Every method returns events in order, or raises PeerError and has changed nothing.

    With JSON control messages, channel variables say whose call it is: `VOICEGUARD_CALL_ID`, `VOICEGUARD_CUSTOMER_REF`
    and `VOICEGUARD_CONSENT` (purposes, separated by commas) go into `CallStarted`, `VOICEGUARD_REGISTERED` is the UUID
    of a registered call, and others of the prefix are metadata. Without a call id, the websocket channel's own unique
    id names the call. Plain text has no variables, so there the `parameters` of the URI say the same: `call_id` and so
    on. Both are never mixed: Asterisk 22.10 keeps the parameters of one call for the next one that has none.
    """

    def __init__(self, parameters: Mapping[str, str] | None = None, *, options: IngestOptions | None = None) -> None:
        self.ignored = 0
        """Messages that were skipped."""
        self.registered: UUID | None = None
        """Of the registered call that this one claims to be, once it started."""
        self._parameters = dict(parameters or {})
        self._options = options or IngestOptions()
        self._state: State = "idle"
        self._json = False
        self._early = b""
        self._audio = Interleaved((), 1)
        self._hung_up = False
        self._readers: Mapping[str, Callable[[Mapping[str, Any]], list[WireEvent]]] = {
            "MEDIA_START": self._start, "DTMF_END": self._key,
        }

    def receive_text(self, text: str) -> list[WireEvent]:
        """One control message."""
        limit = self._options.max_text_bytes
        is_json = text.startswith("{")
        message = parse(text, limit) if is_json else _plain(text, limit)
        event = message.get("event")
        if not isinstance(event, str) or not event:
            raise bad("event")
        if self._state == "ended" or (event == "MEDIA_START" and self._state == "open"):
            raise PeerError("out_of_order", f"this event is not allowed when the stream is {self._state}")
        if event not in self._readers or (self._state == "idle" and event != "MEDIA_START"):
            self.ignored += 1
            return []
        events = self._readers[event](message)
        self._json = is_json
        return events

    def receive_binary(self, data: bytes) -> list[WireEvent]:
        """The caller's audio, cut anywhere. What comes before MEDIA_START waits for it: under load Asterisk sends its
        first frames early."""
        check_binary(data, self._options.max_binary_bytes)
        if self._state == "open":
            return [*self._audio.feed(data)]
        if self._state == "ended" or len(self._early) + len(data) > MAX_EARLY_BYTES:
            raise PeerError("out_of_order", f"media is not allowed when the stream is {self._state}")
        self._early += data
        return []

    def connection_lost(self) -> list[WireEvent]:
        """The socket is gone."""
        if self._state != "open":
            return []
        self._state = "ended"
        return [CallEnded("vanished")]

    def encode(self, message: Mapping[str, Any]) -> list[str | bytes]:
        """ANSWER for a call that is let in, which matters where the channel was dialled with `n`; HANGUP, once, where
        our side ends it. Nothing else of ours can be said."""
        if message["type"] == "started":
            return [self._command("ANSWER")]
        if message["type"] not in ("error", "stopped") or self._hung_up:
            return []
        self._hung_up = True
        return [self._command("HANGUP")]

    def _command(self, name: str) -> str:
        return orjson.dumps({"command": name}).decode() if self._json else name

    def _start(self, message: Mapping[str, Any]) -> list[WireEvent]:
        name = message.get("format")
        if not isinstance(name, str):
            raise bad("format")
        if name not in FORMATS:
            raise PeerError("unsupported_media", "media must be ulaw, alaw, g722 or signed linear", close_code=1003)
        encoding, rate_hz = FORMATS[name]
        has_variables = "channel_variables" in message
        said: dict[str, Any] = dict(self._parameters)
        if has_variables:
            said = _variables(message["channel_variables"])
        registered, call_id = said.pop("registered", None), said.pop("call_id", message.get("channel_id"))
        call_id = matching({"call_id": digits(call_id)}, "call_id", IDENTIFIER)
        started = CallStarted(call_id, encoding, rate_hz, ("caller",), *beside(said))
        self.registered = _uuid(registered)
        self._state, self._audio = "open", Interleaved(started.channels, 2 if encoding == "l16" else 1)
        early, self._early = self._early, b""
        return [started, *self._audio.feed(early)]

    def _key(self, message: Mapping[str, Any]) -> list[WireEvent]:
        digit = message.get("digit")
        if not isinstance(digit, str) or not DIGIT.fullmatch(digit):
            self.ignored += 1
            return []
        return [DtmfReceived("caller", digit)]


def _plain(text: str, max_bytes: int) -> dict[str, Any]:
    """`EVENT name:value ...`; a word without a colon belongs to the value before it, as in an error's text."""
    if too_big(text, max_bytes):
        raise PeerError("too_big", f"a text message may hold {max_bytes} bytes", close_code=1009)
    event, *words = text.split(" ")
    return {"event": event, **dict(word.split(":", 1) for word in words if ":" in word)}


def _variables(variables: object) -> dict[str, Any]:
    """Channel variables that are meant for us; the others are none of our business."""
    if not isinstance(variables, dict):
        return {}
    ours = {name.lstrip("_"): value for name, value in variables.items()}
    return {name.removeprefix(VARIABLE).lower(): value for name, value in ours.items() if name.startswith(VARIABLE)}


def _uuid(value: object) -> UUID | None:
    if value is None:
        return None
    try:
        return UUID(str(value))
    except ValueError:
        raise bad("registered") from None
