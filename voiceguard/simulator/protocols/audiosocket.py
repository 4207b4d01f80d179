"""Asterisk AudioSocket, as the dialplan application speaks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from voiceguard.errors import ConfigurationError
from voiceguard.events import Channel
from voiceguard.ingest.audiosocket import IDENTITY, KEY, message
from voiceguard.simulator.protocols.platform import SILENCE, Dialling, Heard, Message, as_l16

SLIN = 0x10
"""Audio at 8 kHz."""


class AudioSocketLine:
    """The caller's channel over TCP, under a UUID that `registration` was answered with."""

    path = "/v1/audiosocket/calls"
    """Where the call is registered: the stream itself has no path."""
    subprotocols: Sequence[str] = ()
    awaits_answer = False

    def __init__(self, call_id: str, customer_ref: str | None, port: int, key: str = "") -> None:
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.port = port
        self.registration: dict[str, object] = {"call_id": call_id, "consent": ["voice_analysis"]}
        if customer_ref is not None:
            self.registration["customer_ref"] = customer_ref
        self.uuid = UUID(int=0)
        """Given by the service, before the call opens."""

    def opening(self) -> list[Message]:
        """The UUID."""
        return [message(IDENTITY, self.uuid.bytes)]

    def audio(self, frame: Mapping[Channel, bytes]) -> list[Message]:
        """The caller's 20 ms."""
        return [message(SLIN, as_l16(frame.get("caller", SILENCE)))]

    def digit(self, digit: str) -> Message:
        """One key."""
        return message(KEY, digit.encode())

    def transcript(self, channel: Channel, text: str) -> None:
        """AudioSocket carries no transcripts."""

    def intent(self, action: str, parameters: Mapping[str, str]) -> None:
        """AudioSocket carries no intents."""

    def closing(self) -> None:
        """Asterisk just closes."""

    def heard(self, frame: Message) -> Heard:
        """A hang-up at most."""
        return Heard()


def dial(dialling: Dialling) -> AudioSocketLine:
    """A line to the port that the service's settings name. Raises ConfigurationError where they name none."""
    port = dialling.settings.audiosocket.port
    if not port:
        raise ConfigurationError("audiosocket: set VOICEGUARD_AUDIOSOCKET__PORT as the service has it")
    return AudioSocketLine(dialling.call_id, dialling.customer_ref, port, dialling.key)
