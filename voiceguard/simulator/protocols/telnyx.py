"""Telnyx media streaming, as Telnyx speaks it."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from voiceguard.events import Channel
from voiceguard.ingest.telnyx import AUTH_HEADER
from voiceguard.simulator.protocols.platform import SILENCE, Dialling, Heard, Message, as_text, stream_token


class TelnyxLine:
    """Both tracks in PCMU; every number of a message is a string. `token`: `stream_auth_token`, a stream token."""

    path = "/v1/stream/telnyx"
    subprotocols = ()
    awaits_answer = False

    def __init__(self, call_id: str, customer_ref: str | None, token: str) -> None:
        self.headers = {AUTH_HEADER: token}
        self._token = token
        self._call_id = call_id
        self._sequence = 0
        self._chunks: dict[str, int] = {"inbound": 0, "outbound": 0}
        self._parameters = {"consent": "voice_analysis"}
        if customer_ref is not None:
            self._parameters["customer_ref"] = customer_ref

    def opening(self) -> list[Message]:
        """`connected` and `start`."""
        connected = as_text({"event": "connected", "version": "1.0.0", "connected": {AUTH_HEADER: self._token}})
        start = {
            "user_id": "3E6F995F-0000-0000-0000-000000000000", "call_control_id": self._call_id, "from": "+15550100",
            "to": "+15550101", "client_state": None, "custom_parameters": self._parameters,
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
        }
        return [connected, self._numbered("start", start=start)]

    def audio(self, frame: Mapping[Channel, bytes]) -> list[Message]:
        """One `media` for each track."""
        both = ("inbound", frame.get("caller", SILENCE)), ("outbound", frame.get("agent", SILENCE))
        return [self._media(track, payload) for track, payload in both]

    def digit(self, digit: str) -> Message:
        """`dtmf`."""
        return self._numbered("dtmf", dtmf={"digit": digit}, occurred_at="2026-01-01T00:00:00.000000Z")

    def transcript(self, channel: Channel, text: str) -> None:
        """The stream carries no transcripts."""

    def intent(self, action: str, parameters: Mapping[str, str]) -> None:
        """The stream carries no intents."""

    def closing(self) -> Message:
        """`stop`."""
        return self._numbered("stop", stop={"call_control_id": self._call_id})

    def heard(self, frame: Message) -> Heard:
        """The service says nothing on this stream."""
        return Heard()

    def _media(self, track: str, payload: bytes) -> Message:
        self._chunks[track] = chunk = self._chunks[track] + 1
        return self._numbered("media", media={
            "track": track, "chunk": str(chunk), "timestamp": str((chunk - 1) * 20),
            "payload": base64.b64encode(payload).decode(),
        })

    def _numbered(self, event: str, **body: object) -> str:
        self._sequence += 1
        return as_text({
            "event": event, "sequence_number": str(self._sequence), "stream_id": f"stream-{self._call_id}", **body,
        })


def dial(dialling: Dialling) -> TelnyxLine:
    """A line that proves itself by a stream token."""
    token = stream_token(dialling.call_id, dialling.settings.telnyx.stream_secret)
    return TelnyxLine(dialling.call_id, dialling.customer_ref, token)
