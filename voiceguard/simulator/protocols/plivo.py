"""Plivo audio streams, as Plivo speaks them."""

from __future__ import annotations

import base64
import hmac
import secrets
import time

from voiceguard.simulator.protocols.platform import Dialling, Message, TrackLine


class PlivoLine(TrackLine):
    """Both tracks in mu-law. `url`: the stream's as its XML names it, which is signed with `auth_token`."""

    path = "/v1/stream/plivo"

    def __init__(self, call_id: str, customer_ref: str | None, url: str, auth_token: str) -> None:
        super().__init__()
        nonce = secrets.token_hex(16)
        mac = hmac.digest(auth_token.encode(), f"{url}.{nonce}".encode(), "sha256")
        self.headers = {
            "X-Plivo-Signature-V3": base64.b64encode(mac).decode(), "X-Plivo-Signature-V3-Nonce": nonce,
        }
        self._call_id = call_id
        self._stream = {"streamId": f"stream-{call_id}"}
        customer = "" if customer_ref is None else f"customerRef={customer_ref};"
        self._extra = {"extra_headers": customer + "consent=voiceAnalysis"}

    def opening(self) -> list[Message]:
        """`start`."""
        return [self._numbered("start", start={
            "callId": self._call_id, **self._stream, "accountId": "MA00000000000000000000",
            "tracks": ["inbound", "outbound"], "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
        })]

    def digit(self, digit: str) -> Message:
        """`dtmf`."""
        dtmf = {"track": "inbound", "digit": digit, "timestamp": _now_ms()}
        return self._numbered("dtmf", dtmf=dtmf)

    def closing(self) -> None:
        """Plivo just closes."""

    def _place(self, chunk: int) -> dict[str, object]:
        return {"chunk": chunk, "timestamp": _now_ms()}

    def _fields(self, event: str, sequence: int) -> dict[str, object]:
        stream = {} if event == "start" else self._stream  # `start` names it within
        return {"sequenceNumber": sequence, **stream, **self._extra}


def _now_ms() -> str:
    return str(int(time.time() * 1000))


def dial(dialling: Dialling) -> PlivoLine:
    """A line that proves itself by its signature."""
    token = dialling.settings.plivo.auth_token
    origin = dialling.settings.public_origin or dialling.origin.replace("http", "ws", 1)
    return PlivoLine(
        dialling.call_id, dialling.customer_ref, origin + PlivoLine.path, token.get_secret_value() if token else "-"
    )
