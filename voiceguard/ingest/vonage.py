"""Vonage Voice API websockets: linear PCM in binary messages, JSON in text ones (Vonage: WebSockets in the Voice API).

The first message is `websocket:connected`, with the `content-type` of the audio and, beside it, the entries that the
endpoint's `headers` gave in the NCCO. Vonage names no call on the socket, so `call_id` must be one of them. There is
one channel, what the other legs of the conversation say; times and numbers there are none. There is no last message
either: the call is over when the socket closes in order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from voiceguard.errors import PeerError
from voiceguard.events import AudioReceived, CallEnded, CallStarted, DtmfReceived, WireEvent
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.fields import (
    DIGIT,
    IDENTIFIER,
    bad,
    beside,
    check_binary,
    digits,
    matching,
    parse,
)
from voiceguard.ingest.media import MAX_EARLY_BYTES

State = Literal["idle", "open", "ended"]

RATES_HZ: Final = (8000, 16000, 24000)
ALLOWED_IN: Final[Mapping[str, tuple[State, ...]]] = {
    "websocket:connected": ("idle",),
    "audio": ("open",),
    "websocket:dtmf": ("open",),
}
_CONTENT_TYPE = re.compile(r"audio/l16\s*;\s*rate=([0-9]{4,5})", re.IGNORECASE)
_OURS: Final = frozenset({"event", "content-type", "call_id"})


class VonageCodec:
    """One stream. Every method returns events in order, or raises PeerError and has changed nothing."""

    def __init__(self, *, options: IngestOptions | None = None) -> None:
        self.ignored = 0
        """Messages that were skipped."""
        self._options = options or IngestOptions()
        self._state: State = "idle"
        self._position = 0
        self._early = b""
        """Audio that came before the message that starts the call."""
        self._readers: Mapping[str, Callable[[Mapping[str, Any]], list[WireEvent]]] = {
            "websocket:connected": self._connected, "websocket:dtmf": self._dtmf,
        }

    def receive_text(self, text: str) -> list[WireEvent]:
        """One message; `websocket:cleared` and `websocket:notify` answer what we never send, and are skipped."""
        message = parse(text, self._options.max_text_bytes)
        event = message.get("event")
        if not isinstance(event, str):
            raise bad("event")
        if event not in self._readers:
            self.ignored += 1
            return []
        if event == "websocket:dtmf" and self._state == "idle":
            self.ignored += 1
            return []
        self._check_order(event)
        return self._readers[event](message)

    def receive_binary(self, data: bytes) -> list[WireEvent]:
        """Audio: 20 ms a message."""
        check_binary(data, self._options.max_binary_bytes)
        if self._state == "idle" and len(self._early) + len(data) <= MAX_EARLY_BYTES:
            self._early += data
            return []
        self._check_order("audio")
        if len(data) % 2:
            raise PeerError("bad_audio", "audio must hold whole 16-bit samples", close_code=1007)
        if not data:
            return []
        start, self._position = self._position, self._position + len(data) // 2
        return [AudioReceived("caller", start, data)]

    def connection_lost(self) -> list[WireEvent]:
        """The socket is gone: an open call has vanished, unless the driver knows better."""
        if self._state != "open":
            return []
        self._state = "ended"
        return [CallEnded("vanished")]

    def encode(self, message: Mapping[str, Any]) -> list[str | bytes]:
        """Nothing: what is sent to Vonage is played, or comes back to us."""
        return []

    def _check_order(self, kind: str) -> None:
        if self._state not in ALLOWED_IN[kind]:
            raise PeerError("out_of_order", f"{kind} is not allowed when the stream is {self._state}")

    def _connected(self, message: Mapping[str, Any]) -> list[WireEvent]:
        content_type = message.get("content-type")
        parts = _CONTENT_TYPE.fullmatch(content_type) if isinstance(content_type, str) else None
        rate_hz = int(parts[1]) if parts else 0
        if rate_hz not in RATES_HZ:
            raise PeerError("unsupported_media", "media must be audio/l16 at 8, 16 or 24 kHz", close_code=1003)
        call_id = matching({"call_id": digits(message.get("call_id"))}, "call_id", IDENTIFIER)
        entries = {name: value for name, value in message.items() if name not in _OURS}
        started = CallStarted(call_id, "l16", rate_hz, ("caller",), *beside(entries))
        if len(self._early) % 2:
            raise PeerError("bad_audio", "audio must hold whole 16-bit samples", close_code=1007)
        self._state = "open"
        early, self._early = self._early, b""
        return [started, *self.receive_binary(early)]

    def _dtmf(self, message: Mapping[str, Any]) -> list[WireEvent]:
        """The digit stands in the message, or in an object of its own within it: both are seen."""
        inner = message.get("dtmf")
        digit = (inner if isinstance(inner, dict) else message).get("digit")
        if not isinstance(digit, str) or not DIGIT.fullmatch(digit):
            self.ignored += 1
            return []
        return [DtmfReceived("caller", digit)]
