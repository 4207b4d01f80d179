"""Vonage Voice API websockets, as Vonage speaks them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import OctKey

from voiceguard.events import Channel
from voiceguard.settings import VonageOptions
from voiceguard.simulator.protocols.platform import SILENCE, Dialling, Message, OneWayLine, as_l16, as_text, metadata


class VonageLine(OneWayLine):
    """The caller in linear PCM at 8 kHz. `token`: the JWT that Vonage signs."""

    path = "/v1/stream/vonage"

    def __init__(self, call_id: str, customer_ref: str | None, token: str) -> None:
        self.headers = {"Authorization": f"Bearer {token}"}
        self._entries = metadata(customer_ref, call_id=call_id)

    def opening(self) -> list[Message]:
        """`websocket:connected`."""
        connected = {"event": "websocket:connected", "content-type": "audio/l16;rate=8000", **self._entries}
        return [as_text(connected)]

    def audio(self, frame: Mapping[Channel, bytes]) -> list[Message]:
        """One binary message."""
        return [as_l16(frame.get("caller", SILENCE))]

    def digit(self, digit: str) -> Message:
        """`websocket:dtmf`."""
        return as_text({"event": "websocket:dtmf", "digit": digit, "duration": 260})

    def closing(self) -> None:
        """Vonage just closes."""


def dial(dialling: Dialling) -> VonageLine:
    """A line that proves itself by a JWT as Vonage signs it."""
    token = signed(dialling.settings.vonage, time.time())
    return VonageLine(dialling.call_id, dialling.customer_ref, token)


def signed(options: VonageOptions, now: float) -> str:
    """A JWT for one upgrade request; under no secret, one that no service takes."""
    secret = options.signature_secret
    claims = {
        "iss": "Vonage", "iat": int(now), "jti": str(uuid4()), "api_key": options.api_key or "a1b2c3d",
        "application_id": options.application_id or "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
    }
    key = OctKey.import_key(secret.get_secret_value() if secret else "-" * 32)
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, key)
