"""Asterisk's websocket channel, as it dials out."""

from __future__ import annotations

from collections.abc import Mapping

from voiceguard.events import Channel
from voiceguard.simulator.protocols.platform import SILENCE, Dialling, Heard, Message, as_text, basic


class AsteriskLine:
    """chan_websocket with JSON control messages: the caller's channel in mu-law."""

    path = "/v1/stream/asterisk"
    subprotocols = ("media",)
    awaits_answer = False

    def __init__(self, call_id: str, customer_ref: str | None, key: str = "") -> None:
        self._variables = {"VOICEGUARD_CALL_ID": call_id, "VOICEGUARD_CONSENT": "voice_analysis"}
        if customer_ref is not None:
            self._variables["VOICEGUARD_CUSTOMER_REF"] = customer_ref
        self.headers = basic("asterisk", key) if key else {}
        self._channel = {"channel_id": "1700000000.1"}

    def opening(self) -> list[Message]:
        """`MEDIA_START`."""
        return [self._event(
            "MEDIA_START", connection_id="voiceguard", channel="WebSocket/voiceguard/0x7f0000000000", format="ulaw",
            optimal_frame_size=160, ptime=20, channel_variables=self._variables,
        )]

    def audio(self, frame: Mapping[Channel, bytes]) -> list[Message]:
        """The caller's 20 ms."""
        return [frame.get("caller", SILENCE)]

    def digit(self, digit: str) -> Message:
        """`DTMF_END`."""
        return self._event("DTMF_END", digit=digit)

    def transcript(self, channel: Channel, text: str) -> None:
        """chan_websocket carries no transcripts."""

    def intent(self, action: str, parameters: Mapping[str, str]) -> None:
        """chan_websocket carries no intents."""

    def closing(self) -> None:
        """Asterisk just closes."""

    def heard(self, frame: Message) -> Heard:
        """Commands at most."""
        return Heard()

    def _event(self, event: str, **body: object) -> str:
        return as_text({"event": event, **self._channel, **body})


def dial(dialling: Dialling) -> AsteriskLine:
    """A line that proves itself by its API key, as websocket_client.conf sends it."""
    return AsteriskLine(dialling.call_id, dialling.customer_ref, dialling.key)
