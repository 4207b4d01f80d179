"""The native protocol, as a platform speaks it."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from voiceguard.events import Channel
from voiceguard.simulator.protocols.platform import FRAME_SAMPLES, SILENCE, Dialling, Heard, Message, as_text


class NativeLine:
    """`WS /v1/stream/native`: two channels of mu-law, sample by sample in turn."""

    path = "/v1/stream/native"
    subprotocols = ()
    awaits_answer = False

    def __init__(self, call_id: str, customer_ref: str | None, key: str = "") -> None:
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._start = {
            "type": "start", "call_id": call_id, "encoding": "pcmu", "sample_rate": 8000,
            "channels": ["caller", "agent"], "consent": ["voice_analysis"],
        }
        if customer_ref is not None:
            self._start["customer_ref"] = customer_ref

    def opening(self) -> list[Message]:
        """`start`."""
        return [as_text(self._start)]

    def audio(self, frame: Mapping[Channel, bytes]) -> list[Message]:
        """One binary message: caller, agent, caller, ..."""
        both = bytearray(2 * FRAME_SAMPLES)
        both[0::2], both[1::2] = frame.get("caller", SILENCE), frame.get("agent", SILENCE)
        return [bytes(both)]

    def digit(self, digit: str) -> Message:
        """`dtmf`."""
        return as_text({"type": "dtmf", "channel": "caller", "digit": digit})

    def transcript(self, channel: Channel, text: str) -> Message:
        """`transcript`."""
        return as_text({"type": "transcript", "channel": channel, "text": text})

    def intent(self, action: str, parameters: Mapping[str, str]) -> Message:
        """`intent`."""
        return as_text({"type": "intent", "action": action, "parameters": dict(parameters)})

    def closing(self) -> Message:
        """`stop`."""
        return as_text({"type": "stop"})

    def heard(self, frame: Message) -> Heard:
        """Every frame is one of our messages."""
        message = orjson.loads(frame)
        return Heard(decision=message if message["type"] == "decision" else None)


def dial(dialling: Dialling) -> NativeLine:
    """A line that proves itself by its API key."""
    return NativeLine(dialling.call_id, dialling.customer_ref, dialling.key)
