"""FreeSWITCH's mod_audio_fork, alone and under jambonz."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import orjson

from voiceguard.events import Channel
from voiceguard.simulator.protocols.platform import SILENCE, Dialling, Heard, Message, as_l16, as_text, basic


class ForkLine:
    """mod_audio_fork in stereo at 8 kHz: the caller left, the agent right.

    `attributes`: of the first message, beside the form of the audio; `tells`: whether an application sends intents and
    transcripts beside the audio.
    """

    awaits_answer = False

    def __init__(
        self, path: str, subprotocol: str, attributes: Mapping[str, object], key: str = "", *, tells: bool
    ) -> None:
        self.path = path
        self.subprotocols = (subprotocol,)
        self.headers = basic("fork", key) if key else {}
        self._tells = tells
        self._attributes = {"sampleRate": 8000, "mixType": "stereo", "consent": ["voice_analysis"], **attributes}

    def opening(self) -> list[Message]:
        """The call's attributes."""
        return [as_text(self._attributes)]

    def audio(self, frame: Mapping[Channel, bytes]) -> list[Message]:
        """One binary message: caller, agent, caller, ..."""
        both = [frame.get("caller", SILENCE), frame.get("agent", SILENCE)]
        return [np.stack([np.frombuffer(as_l16(part), "<i2") for part in both], axis=1).tobytes()]

    def digit(self, digit: str) -> Message:
        """As jambonz words it."""
        return as_text({"event": "dtmf", "dtmf": digit, "duration": "1600"})

    def transcript(self, channel: Channel, text: str) -> Message | None:
        """Text that an application sends."""
        return as_text({"event": "transcript", "channel": channel, "text": text}) if self._tells else None

    def intent(self, action: str, parameters: Mapping[str, str]) -> Message | None:
        """Text that an application sends."""
        told = {"event": "intent", "action": action, "parameters": dict(parameters)}
        return as_text(told) if self._tells else None

    def closing(self) -> None:
        """The module just closes."""

    def heard(self, frame: Message) -> Heard:
        """Decisions come as `json`, and some once more as events of their own."""
        message = orjson.loads(frame)
        body = message.get("data", {})
        decided = message["type"] == "json" and body.get("type") == "decision"
        return Heard(decision=body if decided else None)


def freeswitch(dialling: Dialling) -> ForkLine:
    """A fork whose application is its operator's own, which hears decisions and declares intents."""
    attributes = {"call_id": dialling.call_id} | _customer(dialling)
    return ForkLine("/v1/stream/freeswitch", "audio.drachtio.org", attributes, dialling.key, tells=True)


def jambonz(dialling: Dialling) -> ForkLine:
    """A fork under the verb `listen`, with the attributes that jambonz sends."""
    attributes = {
        "callSid": dialling.call_id, "direction": "inbound", "from": "+4930111111", "to": "+4930222222",
        "callId": "a-sip-call-id", "sipStatus": 200, "sipReason": "OK", "callStatus": "in-progress",
        "callerId": "anonymous", "accountSid": "an-account", "traceId": "00", "applicationSid": "an-application",
    }
    return ForkLine(
        "/v1/stream/jambonz", "audio.jambonz.org", attributes | _customer(dialling), dialling.key, tells=False
    )


def _customer(dialling: Dialling) -> dict[str, object]:
    return {} if dialling.customer_ref is None else {"customer_ref": dialling.customer_ref}
