"""Telnyx media streaming, as Telnyx speaks it."""

from __future__ import annotations

from voiceguard.ingest.telnyx import AUTH_HEADER
from voiceguard.simulator.protocols.platform import Dialling, Message, TrackLine, as_text, metadata, stream_token


class TelnyxLine(TrackLine):
    """Both tracks in PCMU; every number of a message is a string. `token`: `stream_auth_token`, a stream token."""

    path = "/v1/stream/telnyx"

    def __init__(self, call_id: str, customer_ref: str | None, token: str) -> None:
        super().__init__()
        self.headers = {AUTH_HEADER: token}
        self._token = token
        self._call_id = call_id
        self._parameters = metadata(customer_ref)

    def opening(self) -> list[Message]:
        """`connected` and `start`."""
        connected = as_text({"event": "connected", "version": "1.0.0", "connected": {AUTH_HEADER: self._token}})
        start = {
            "user_id": "3E6F995F-0000-0000-0000-000000000000", "call_control_id": self._call_id, "from": "+15550100",
            "to": "+15550101", "client_state": None, "custom_parameters": self._parameters,
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
        }
        return [connected, self._numbered("start", start=start)]

    def digit(self, digit: str) -> Message:
        """`dtmf`."""
        return self._numbered("dtmf", dtmf={"digit": digit}, occurred_at="2026-01-01T00:00:00.000000Z")

    def closing(self) -> Message:
        """`stop`."""
        return self._numbered("stop", stop={"call_control_id": self._call_id})

    def _fields(self, event: str, sequence: int) -> dict[str, object]:
        return {"sequence_number": str(sequence), "stream_id": f"stream-{self._call_id}"}


def dial(dialling: Dialling) -> TelnyxLine:
    """A line that proves itself by a stream token."""
    token = stream_token(dialling.call_id, dialling.settings.telnyx.stream_secret)
    return TelnyxLine(dialling.call_id, dialling.customer_ref, token)
