"""Asterisk AudioSocket: messages in one byte stream over TCP (Asterisk: Channel Drivers, AudioSocket; res_audiosocket).

A message is its kind, one byte, the length of its payload, two bytes big-endian, and the payload. The first one names
the call by a UUID that was registered before: the protocol has no other proof. Audio is the caller's alone, signed
16-bit little-endian mono, and its kind says the rate, so the call starts with its first audio. There is no clock beside
the samples: what Asterisk did not send, nobody can tell. A call ends as Asterisk closes the connection.

Kinds that carry nothing for us, or that are not known, are skipped, as are keys that are none (Asterisk's own detector
of fax tones reports `e` and `f`) and early ones beyond what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from voiceguard.errors import PeerError
from voiceguard.events import AudioReceived, CallEnded, CallStarted, DtmfReceived, WireEvent
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.fields import DIGIT

HANG_UP: Final = 0x00
IDENTITY: Final = 0x01
KEY: Final = 0x03
ERROR: Final = 0xFF
RATES_HZ: Final[Mapping[int, int]] = {
    0x10: 8000, 0x11: 12000, 0x12: 16000, 0x13: 24000, 0x14: 32000, 0x15: 44100, 0x16: 48000, 0x17: 96000,
    0x18: 192000,
}
"""Kind of an audio message to its samples per second; the dialplan application sends the first alone."""
HEADER_BYTES = 3
CALLER_HUNG_UP = b"\x01"
"""The error that says no more than that the caller hung up."""
MAX_EARLY_KEYS = 32
"""Keys that may come before any audio."""


def message(kind: int, payload: bytes = b"") -> bytes:
    """One message as it goes over the wire."""
    return kind.to_bytes(1, "big") + len(payload).to_bytes(2, "big") + payload


class Messages:
    """The byte stream, cut anywhere, to whole messages with their headers."""

    def __init__(self, max_bytes: int = IngestOptions.max_binary_bytes) -> None:
        self._max_bytes = max_bytes
        self._held = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._held += data

    def next(self) -> bytes | None:
        """The next message; None until more came. Raises PeerError("too_big")."""
        if len(self._held) < HEADER_BYTES:
            return None
        length = int.from_bytes(self._held[1:HEADER_BYTES], "big")
        if length > self._max_bytes:
            raise PeerError("too_big", f"a message may hold {self._max_bytes} bytes", close_code=1009)
        if len(self._held) < HEADER_BYTES + length:
            return None
        whole = bytes(self._held[: HEADER_BYTES + length])
        del self._held[: HEADER_BYTES + length]
        return whole

    @property
    def between(self) -> bool:
        """Whether no part of a message is held."""
        return not self._held


class AudioSocketCodec:
    """One AudioSocket connection. Every method returns events in order, or raises PeerError and has changed nothing."""

    def __init__(self) -> None:
        self.ignored = 0
        """Messages that were skipped."""
        self._uuid: UUID | None = None
        self._rate_hz = 0
        """0 before the first audio."""
        self._position = 0
        self._early: list[WireEvent] = []
        self._ended = False
        self._hung_up = False
        self._readers: Mapping[int, Callable[[bytes], list[WireEvent]]] = {
            HANG_UP: self._hang_up, KEY: self._key, ERROR: self._error,
        }

    def receive_text(self, text: str) -> list[WireEvent]:
        """There is no text on this wire."""
        raise PeerError("bad_message", "AudioSocket carries no text", close_code=1007)

    def receive_binary(self, data: bytes) -> list[WireEvent]:
        """One message, whole, with its header."""
        if len(data) < HEADER_BYTES:
            raise PeerError("bad_message", "a message has a header", close_code=1007)
        kind, payload = data[0], data[HEADER_BYTES:]
        if self._ended:
            raise PeerError("out_of_order", "the call has ended")
        if (kind == IDENTITY) != (self._uuid is None):
            raise PeerError("out_of_order", "the call's UUID comes first, and once")
        if kind == IDENTITY:
            return self._identity(payload)
        if kind in RATES_HZ:
            return self._audio(RATES_HZ[kind], payload)
        if kind in self._readers:
            return self._readers[kind](payload)
        self.ignored += 1
        return []

    def connection_lost(self) -> list[WireEvent]:
        """The connection is gone."""
        return [] if self._ended or not self._rate_hz else self._end(CallEnded("vanished"))

    def encode(self, message_: Mapping[str, Any]) -> list[str | bytes]:
        """Hang up, once, where our side ends the call; nothing else of ours can be said."""
        if message_["type"] not in ("error", "stopped") or self._hung_up:
            return []
        self._hung_up = True
        return [message(HANG_UP)]

    def _identity(self, payload: bytes) -> list[WireEvent]:
        if len(payload) != 16:
            raise PeerError("bad_message", "a UUID has 16 bytes", close_code=1007)
        self._uuid = UUID(bytes=payload)
        return []

    def _audio(self, rate_hz: int, payload: bytes) -> list[WireEvent]:
        if len(payload) % 2:
            raise PeerError("bad_audio", "audio must hold whole 16-bit samples", close_code=1007)
        if self._rate_hz not in (0, rate_hz):
            raise PeerError("unsupported_media", "the rate of a call stays as it is", close_code=1003)
        start, self._position = self._position, self._position + len(payload) // 2
        heard: list[WireEvent] = [AudioReceived("caller", start, payload)] if payload else []
        if self._rate_hz:
            return heard
        early, self._early, self._rate_hz = self._early, [], rate_hz
        return [CallStarted(str(self._uuid), "l16", rate_hz, ("caller",)), *early, *heard]

    def _key(self, payload: bytes) -> list[WireEvent]:
        digit = payload.decode("latin-1")
        if not DIGIT.fullmatch(digit) or len(self._early) >= MAX_EARLY_KEYS:
            self.ignored += 1
            return []
        pressed = DtmfReceived("caller", digit)
        if self._rate_hz:
            return [pressed]
        self._early.append(pressed)
        return []

    def _hang_up(self, _: bytes) -> list[WireEvent]:
        return self._end(CallEnded("stopped"))

    def _error(self, payload: bytes) -> list[WireEvent]:
        return self._end(CallEnded("stopped" if payload == CALLER_HUNG_UP else "vanished"))

    def _end(self, ended: CallEnded) -> list[WireEvent]:
        self._ended = True
        return [ended]
