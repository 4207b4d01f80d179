"""What every protocol's line has: how it is dialled, and the messages of one call."""

from __future__ import annotations

import secrets
import time
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
