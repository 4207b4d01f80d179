"""Plivo audio streams, as Plivo speaks them."""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from collections.abc import Mapping

from voiceguard.events import Channel
from voiceguard.simulator.protocols.platform import SILENCE, Dialling, Heard, Message, as_text


class PlivoLine:
    """Both tracks in mu-law. `url`: the stream's as its XML names it, which is signed with `auth_token`."""

    path = "/v1/stream/plivo"
    subprotocols = ()
    awaits_answer = False

    def __init__(self, call_id: str, customer_ref: str | None, url: str, auth_token: str) -> None:
        nonce = secrets.token_hex(16)
        mac = hmac.digest(auth_token.encode(), f"{url}.{nonce}".encode(), "sha256")
        self.headers = {
            "X-Plivo-Signature-V3": base64.b64encode(mac).decode(), "X-Plivo-Signature-V3-Nonce": nonce,
        }
        self._call_id = call_id
        self._stream = {"streamId": f"stream-{call_id}"}
        self._sequence = 0
        self._chunks: dict[str, int] = {"inbound": 0, "outbound": 0}
        customer = "" if customer_ref is None else f"customerRef={customer_ref};"
        self._extra = {"extra_headers": customer + "consent=voiceAnalysis"}

    def opening(self) -> list[Message]:
        """`start`."""
        return [self._numbered("start", start={
            "callId": self._call_id, **self._stream, "accountId": "MA00000000000000000000",
            "tracks": ["inbound", "outbound"], "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
        })]

    def audio(self, frame: Mapping[Channel, bytes]) -> list[Message]:
        """One `media` for each track."""
        both = ("inbound", frame.get("caller", SILENCE)), ("outbound", frame.get("agent", SILENCE))
        return [self._media(track, payload) for track, payload in both]

    def digit(self, digit: str) -> Message:
        """`dtmf`."""
        dtmf = {"track": "inbound", "digit": digit, "timestamp": _now_ms()}
        return self._numbered("dtmf", dtmf=dtmf, **self._stream)

    def transcript(self, channel: Channel, text: str) -> None:
        """The stream carries no transcripts."""

    def intent(self, action: str, parameters: Mapping[str, str]) -> None:
        """The stream carries no intents."""

    def closing(self) -> None:
        """Plivo just closes."""

    def heard(self, frame: Message) -> Heard:
        """The service says nothing on this stream."""
        return Heard()

    def _media(self, track: str, payload: bytes) -> Message:
        self._chunks[track] = chunk = self._chunks[track] + 1
        media = {
            "track": track, "timestamp": _now_ms(), "chunk": chunk, "payload": base64.b64encode(payload).decode(),
        }
        return self._numbered("media", media=media, **self._stream)

    def _numbered(self, event: str, **body: object) -> str:
        self._sequence += 1
        return as_text({"event": event, "sequenceNumber": self._sequence, **body, **self._extra})


def _now_ms() -> str:
    return str(int(time.time() * 1000))


def dial(dialling: Dialling) -> PlivoLine:
    """A line that proves itself by its signature."""
    token = dialling.settings.plivo.auth_token
    origin = dialling.settings.public_origin or dialling.origin.replace("http", "ws", 1)
    return PlivoLine(
        dialling.call_id, dialling.customer_ref, origin + PlivoLine.path, token.get_secret_value() if token else "-"
    )
