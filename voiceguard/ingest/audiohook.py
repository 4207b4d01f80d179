"""Genesys AudioHook, version 2: JSON text messages both ways, audio in binary messages to us.

Source: the protocol's reference implementation, github.com/purecloudlabs/audiohook-reference-implementation, whose
conformance suite this server passes (docs/conformance.md). Where that server is lenient we are strict: messages are
numbered without a gap, acknowledge only what was sent and never go back in the stream; audio comes when the session is
active and at no other time; the session is the one that the upgrade's header names.

Risk, decisions and challenges go back as entities of our own types in `event`; a grant never does, for nobody behind an
event could spend it. Of risk, only what changes is said: Genesys limits the rate of messages.

Positions count every sample of the stream: received, told to be discarded, or passed over while paused. What the
reference implementation does not show is marked: `dtmf` and `inputVariables` (seen in other servers of the protocol's
bot flavour), the byte order of L16 (it reads the machine's own, so little-endian; RFC 3551 says big-endian).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import numpy as np
import orjson

from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.events import (
    RATE_HZ,
    AudioReceived,
    CallEnded,
    CallStarted,
    DtmfReceived,
    FaultReported,
    MediaGap,
    MediaPaused,
    MediaResumed,
    ReplyDue,
    WireEvent,
)
from voiceguard.ingest import IngestOptions
from voiceguard.ingest.audiohook_messages import (
    BYTES_PER_SAMPLE,
    CHANNELS,
    FORMATS,
    Message,
    read_message,
    read_open,
    samples,
)
from voiceguard.ingest.fields import DIGIT, check_binary, parse

State = Literal["preparing", "opening", "active", "paused", "closing", "disconnecting", "closed"]

MAX_TEXT_BYTES = 65535
MAX_PAUSE_S = 7 * 86400.0
"""A longer pause means that the client's clock is broken."""
ALLOWED_IN: Final[Mapping[str, tuple[State, ...]]] = {
    "open": ("preparing",),
    "audio": ("active",),
    "paused": ("active", "paused"),
    "resumed": ("active", "paused"),
    "discarded": ("active", "paused"),
    "update": ("active", "paused"),
    "dtmf": ("active", "paused"),
    "ping": ("preparing", "opening", "active", "paused"),
    "error": ("preparing", "opening", "active", "paused"),
    "close": ("preparing", "opening", "active", "paused"),
}
CODES: Final[Mapping[str, int]] = {
    "unknown_type": 405, "stalled": 408, "out_of_order": 409, "wrong_stream": 409, "call_exists": 409,
    "gap_too_long": 409, "too_big": 413, "bad_audio": 415, "unsupported_media": 415, "too_many_calls": 429,
    "too_many_streams": 429, "too_fast": 429, "too_slow": 429, "store_unavailable": 503, "bad_json": 400,
    "bad_message": 400,
}
"""Our errors in the protocol's own codes, as `disconnect` names them in its `info`; any other is a 500."""


class AudioHookCodec:
    """One session. Every method returns events in order, or raises PeerError; every error ends the session.

    `session_id` and `organization_id`: of the upgrade's headers. `pause_after_s`: net speech after which the client is
    asked to pause, as long as the risk is low and nothing sensitive is asked for; None: never.
    """

    def __init__(
        self, session_id: str, organization_id: str, *, options: IngestOptions | None = None,
        pause_after_s: float | None = None, l16_big_endian: bool = False,
    ) -> None:
        self._session_id = session_id
        self._organization_id = organization_id
        self._options = options or IngestOptions()
        self._max_text_bytes = min(self._options.max_text_bytes, MAX_TEXT_BYTES)
        self._l16_big_endian = l16_big_endian
        self._state: State = "preparing"
        self._is_probe = False
        self._media: dict[str, Any] | None = None
        self._wants_languages = False
        self._seq = 0
        """Of our last message."""
        self._clientseq = 0
        self._serverseq = 0
        """Of ours, the last that the client acknowledged."""
        self._position = 0
        """Samples of each channel up to now."""
        self._client_position = 0
        self._told: tuple[Any, ...] = (None, "unknown", "insufficient_speech")
        """Score, band and state of the risk that the client knows."""
        self._pause_after_s = pause_after_s
        self._pause_asked = False
        self._listening_from_s = 0.0
        """Net speech at which we last began to listen."""
        self._readers: Mapping[str, Callable[[Message], list[WireEvent]]] = {
            "open": self._open, "close": self._close, "ping": self._ping, "paused": self._paused,
            "resumed": self._resumed, "discarded": self._discarded, "update": self._update, "dtmf": self._dtmf,
            "error": self._error,
        }

    @property
    def awaits_close(self) -> bool:
        """Whether the client was told to disconnect, and has not closed the session yet."""
        return self._state == "disconnecting"

    # ── what the client says ─────────────────────────────────────────────────────────────────────────────────────────

    def receive_text(self, text: str) -> list[WireEvent]:
        """One message."""
        message = read_message(parse(text, self._max_text_bytes))
        if self.awaits_close:
            return self._part(message)
        if message.kind not in self._readers:
            raise PeerError("unknown_type", "this message type is not known")
        if message.session_id != self._session_id:
            raise PeerError("wrong_stream", "this message belongs to another session")
        if message.seq != self._clientseq + 1:
            raise PeerError("out_of_order", "messages must be numbered without a gap")
        if not self._serverseq <= message.serverseq <= self._seq:
            raise PeerError("out_of_order", "serverseq is not that of a message that was sent")
        if message.position_samples < self._client_position:
            raise PeerError("out_of_order", "the position went back")
        self._check_order(message.kind)
        self._clientseq, self._serverseq = message.seq, message.serverseq
        self._client_position = message.position_samples
        return self._readers[message.kind](message)

    def receive_binary(self, data: bytes) -> list[WireEvent]:
        """Audio: one `AudioReceived` per channel."""
        if self.awaits_close:
            return []
        check_binary(data, self._options.max_binary_bytes)
        self._check_order("audio")
        if self._media is None:
            raise PeerError("out_of_order", "no media was chosen")
        names, width = self._media["channels"], BYTES_PER_SAMPLE[self._media["format"]]
        groups, rest = divmod(len(data), width * len(names))
        if rest:
            raise PeerError("bad_audio", "a binary message must hold whole samples of every channel", close_code=1007)
        start, self._position = self._position, self._position + groups
        if self._is_probe or not groups:
            return []
        planes = np.frombuffer(data, np.uint8).reshape(groups, len(names), width)
        if self._l16_big_endian:
            planes = planes[:, :, ::-1]
        return [AudioReceived(CHANNELS[name], start, planes[:, at].tobytes()) for at, name in enumerate(names)]

    def connection_lost(self) -> list[WireEvent]:
        """The socket is gone: an open call has vanished."""
        was_open = self._state in ("opening", "active", "paused") and not self._is_probe
        self._state = "closed"
        return [CallEnded("vanished")] if was_open else []

    def _check_order(self, kind: str) -> None:
        if self._state not in ALLOWED_IN[kind]:
            raise PeerError("out_of_order", f"{kind} is not allowed when the session is {self._state}")

    def _part(self, message: Message) -> list[WireEvent]:
        """After `disconnect` only the client's `close` matters; what it sent before it knew is passed over."""
        self._clientseq = message.seq
        return self._close(message) if message.kind == "close" else []

    def _open(self, message: Message) -> list[WireEvent]:
        opening = read_open(message.parameters)
        if opening.organization_id != self._organization_id:
            raise AuthenticationError("the organization is not that of the request")
        self._state = "opening"
        self._media, self._is_probe = opening.chosen(), opening.is_probe
        self._wants_languages = opening.wants_languages
        if opening.is_probe:
            return [ReplyDue({"type": "started"})]
        metadata = {
            "session_id": self._session_id, "organization_id": opening.organization_id,
            "participant_id": opening.participant_id,
        }
        beside = opening.beside._replace(metadata={**metadata, **opening.beside.metadata})
        media = self._media or {"format": "PCMU", "channels": []}
        return [CallStarted(
            opening.conversation_id, FORMATS[media["format"]], RATE_HZ,
            tuple(CHANNELS[name] for name in media["channels"]), *beside,
        )]

    def _close(self, message: Message) -> list[WireEvent]:
        known = self._state in ("opening", "active", "paused") and not self._is_probe
        self._state = "closing"
        ended = CallEnded("protocol_error" if message.parameters.get("reason") == "error" else "stopped")
        # The call itself says when its record is complete; without one there is nothing to wait for.
        return [ended] if known else [ReplyDue({"type": "stopped"}), ended]

    def _ping(self, message: Message) -> list[WireEvent]:
        return [ReplyDue({"type": "pong", "clientseq": message.seq})]

    def _update(self, _: Message) -> list[WireEvent]:
        return [ReplyDue({"type": "updated"})]

    def _error(self, message: Message) -> list[WireEvent]:
        code = message.parameters.get("code")
        return [FaultReported(str(code) if type(code) is int and code in _KNOWN_CODES else "other")]

    def _dtmf(self, message: Message) -> list[WireEvent]:
        digit = message.parameters.get("digit")
        if self._is_probe or not isinstance(digit, str) or not DIGIT.fullmatch(digit):
            return []
        return [DtmfReceived("caller", digit)]

    def _paused(self, _: Message) -> list[WireEvent]:
        if self._state == "paused":
            return []
        self._state = "paused"
        return [] if self._is_probe else [MediaPaused()]

    def _resumed(self, message: Message) -> list[WireEvent]:
        samples(message.parameters, "start")
        passed = self._bounded(samples(message.parameters, "discarded"), MAX_PAUSE_S)
        if self._state == "active":
            return []
        self._state = "active"
        self._position += passed
        return [] if self._is_probe else [MediaResumed(passed)]

    def _discarded(self, message: Message) -> list[WireEvent]:
        samples(message.parameters, "start")
        lost = self._bounded(samples(message.parameters, "discarded"), self._options.max_gap_s)
        start, self._position = self._position, self._position + lost
        if self._is_probe or not lost or self._media is None:
            return []
        return [MediaGap(CHANNELS[name], start, lost) for name in self._media["channels"]]

    def _bounded(self, length: int, limit_s: float) -> int:
        if length > limit_s * RATE_HZ:
            raise PeerError("gap_too_long", f"no more than {limit_s:g} s may be left out")
        return length

    # ── what we say ──────────────────────────────────────────────────────────────────────────────────────────────────

    def encode(self, message: Mapping[str, Any]) -> list[str | bytes]:
        """One of our messages, or of the replies that are due, as the frames to send."""
        kind = message["type"]
        if kind == "started":
            if self._state == "opening":
                self._state = "active"
            return [self._word("opened", self._opened())]
        if kind == "pong":
            return [self._word("pong", {}, message["clientseq"])]
        if kind == "updated":
            return [self._word("updated", {})]
        if kind == "error":
            return self._disconnect(message)
        if kind == "stopped":
            if self._state != "closing":
                return []
            self._state = "closed"
            return [self._word("closed", {})]
        return [*self._event(message), *self._steer(message)]

    def _opened(self) -> dict[str, Any]:
        opened: dict[str, Any] = {"media": [] if self._media is None else [self._media], "startPaused": False}
        return opened | ({"supportedLanguages": []} if self._wants_languages else {})

    def _disconnect(self, message: Mapping[str, Any]) -> list[str | bytes]:
        self._state = "disconnecting"
        if message["code"] == "unauthenticated":
            return [self._word("disconnect", {"reason": "unauthorized"})]
        info = f"{CODES.get(message['code'], 500)} {message['code']}: {message['text']}"
        return [self._word("disconnect", {"reason": "error", "info": info})]

    def _event(self, message: Mapping[str, Any]) -> list[str | bytes]:
        kind = message["type"]
        if kind == "risk":
            now = message["score"], message["band"], message["state"]
            if now == self._told:
                return []
            self._told = now
        data = {name: value for name, value in message.items() if name not in ("type", "grant")}
        return [self._word("event", {"entities": [{"type": f"voiceguard_{kind}", "data": data}]})]

    def _steer(self, message: Mapping[str, Any]) -> list[str | bytes]:
        """Genesys bills the time in which it streams: pause when enough was heard, resume when it matters again."""
        if self._pause_after_s is None:
            return []
        if message["type"] == "risk" and not self._pause_asked and self._state == "active":
            heard_s = message["net_speech_s"] - self._listening_from_s
            if message["state"] == "ok" and message["band"] == "low" and heard_s >= self._pause_after_s:
                self._pause_asked = True
                return [self._word("pause", {})]
        if message["type"] == "decision" and self._pause_asked and message["decision"] != "allow":
            self._pause_asked = False
            self._listening_from_s = message["risk"]["net_speech_s"]
            return [self._word("resume", {})]
        return []

    def _word(self, kind: str, parameters: Mapping[str, Any], clientseq: int | None = None) -> str:
        self._seq += 1
        return orjson.dumps({
            "version": "2", "type": kind, "id": self._session_id, "seq": self._seq,
            "clientseq": self._clientseq if clientseq is None else clientseq, "parameters": parameters,
        }).decode()


_KNOWN_CODES: Final = frozenset({400, 405, 408, 409, 413, 415, 429, 500, 503})
"""Codes of the protocol; any other goes by one name, so that a metric has no more labels."""
