"""What every protocol's line has: how it is dialled, and the messages of one call."""

from __future__ import annotations

import secrets
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import orjson
from pydantic import SecretStr

from voiceguard.codecs import g711
from voiceguard.events import Channel, Samples
from voiceguard.ingest.stream_token import MAX_TOKEN_LIFE_S, make_stream_token
from voiceguard.settings import Settings

FRAME_SAMPLES = 160
"""20 ms at 8 kHz."""
FRAME_S = 0.02
SILENCE = b"\xff" * FRAME_SAMPLES

Message = str | bytes


@dataclass(frozen=True)
class Dialling:
    """Who calls where, and with what proof."""

    origin: str
    """http://host:port of the service."""
    call_id: str
    customer_ref: str | None = None
    key: str = field(default="", repr=False)
    """API key with the scope `stream`, where the protocol takes one."""
    settings: Settings = field(default_factory=Settings, repr=False)
    """The service's own: they hold what both sides know, such as signing secrets."""


class Heard(NamedTuple):
    """What follows from one frame that the service sent."""

    replies: Sequence[Message] = ()
    decision: dict[str, Any] | None = None
    """A `decision` message, out of whatever this protocol wraps it in."""


class Line(Protocol):
    """The messages of one call. What a protocol has no message for is None: the platform asks through the API."""

    @property
    def path(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def subprotocols(self) -> Sequence[str]: ...
    @property
    def awaits_answer(self) -> bool:
        """Whether audio may only follow the service's first frame."""
        ...

    def opening(self) -> list[Message]: ...
    def audio(self, frame: Mapping[Channel, bytes]) -> list[Message]:
        """`frame`: 20 ms of mu-law of each channel."""
        ...

    def digit(self, digit: str) -> Message | None: ...
    def transcript(self, channel: Channel, text: str) -> Message | None: ...
    def intent(self, action: str, parameters: Mapping[str, str]) -> Message | None: ...
    def heard(self, frame: Message) -> Heard: ...
    def closing(self) -> Message | None:
        """The platform's last message; None: it just closes the connection."""
        ...


class OneWayLine:
    """A line of a platform that only sends: no transcripts, no intents, and nothing that it reads of the service."""

    subprotocols: Sequence[str] = ()
    awaits_answer = False

    def transcript(self, channel: Channel, text: str) -> None:
        """The stream carries no transcripts."""

    def intent(self, action: str, parameters: Mapping[str, str]) -> None:
        """The stream carries no intents."""

    def heard(self, frame: Message) -> Heard:
        """The service says nothing on this stream."""
        return Heard()


class TrackLine(OneWayLine, ABC):
    """A line whose JSON messages are numbered, each `media` holding 20 ms of one track in base64."""

    def __init__(self) -> None:
        self._sequence = 0
        self._chunks = {"inbound": 0, "outbound": 0}

    def audio(self, frame: Mapping[Channel, bytes]) -> list[Message]:
        """One `media` for each track."""
        both = ("inbound", frame.get("caller", SILENCE)), ("outbound", frame.get("agent", SILENCE))
        return [self._media(track, payload) for track, payload in both]

    def _media(self, track: str, payload: bytes) -> Message:
        self._chunks[track] += 1
        media = {"track": track, **self._place(self._chunks[track]), "payload": b64encode(payload).decode()}
        return self._numbered("media", media=media)

    def _place(self, chunk: int) -> dict[str, object]:
        """Number and time of a `media`, counted from 1 and from the stream's start."""
        return {"chunk": str(chunk), "timestamp": str((chunk - 1) * 20)}

    def _numbered(self, event: str, **body: object) -> str:
        self._sequence += 1
        return as_text({"event": event, **self._fields(event, self._sequence), **body})

    @abstractmethod
    def _fields(self, event: str, sequence: int) -> dict[str, object]:
        """What stands beside the body: the message's number, and the stream's name."""


def metadata(customer_ref: str | None, **parameters: str) -> dict[str, str]:
    """The parameters by which a platform's application says whose call it is."""
    customer = {} if customer_ref is None else {"customer_ref": customer_ref}
    return {"consent": "voice_analysis", **parameters, **customer}


def frames(channels: Mapping[Channel, Samples]) -> list[dict[Channel, bytes]]:
    """Samples (n,) of each channel as mu-law in frames of 20 ms; the last one is filled up with silence."""
    encoded = {channel: g711.encode_ulaw(samples) for channel, samples in channels.items()}
    longest = max(map(len, encoded.values()), default=0)
    return [
        {role: data[start : start + FRAME_SAMPLES].ljust(FRAME_SAMPLES, b"\xff") for role, data in encoded.items()}
        for start in range(0, longest, FRAME_SAMPLES)
    ]


def stream_token(call_id: str, secret: SecretStr | None) -> str:
    """A stream token, good for an hour; under no secret, one that no service takes."""
    known = secret.get_secret_value() if secret else "-"
    return make_stream_token(call_id, int(time.time()) + MAX_TOKEN_LIFE_S, secrets.token_hex(16), known)


def as_l16(mu_law: bytes) -> bytes:
    """Mu-law as 16-bit little-endian PCM: what a platform sends that has decoded the line."""
    return (g711.decode_ulaw(mu_law) * 32768).astype("<i2").tobytes()


def basic(user: str, password: str) -> dict[str, str]:
    """The header of basic authentication (RFC 7617)."""
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def as_text(message: Mapping[str, object]) -> str:
    """One JSON object on one line."""
    return orjson.dumps(message).decode()
