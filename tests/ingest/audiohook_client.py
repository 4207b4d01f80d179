"""A client of AudioHook by hand, and the messages it sends."""

from __future__ import annotations

import json
from typing import Any

from voiceguard.events import WireEvent
from voiceguard.ingest.audiohook import AudioHookCodec
from voiceguard.ingest.audiohook_messages import written

ID = "30b0e395-84d3-4570-ac13-9a62d8f514c0"
OPEN: dict[str, Any] = {
    "organizationId": "d7934305-0972-4844-938e-9060eef73d05", "conversationId": "e160e428-53e2-487c-977d-96989bf5c99d",
    "participant": {"id": "883efee8-3d6c-4537-b500-6d7ca4b92fa0", "ani": "+15555550100", "aniName": "J", "dnis": "+1"},
    "media": [{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}],
}
ORG, CALL = OPEN["organizationId"], OPEN["conversationId"]
PARAMETERS: dict[str, dict[str, Any]] = {
    "open": OPEN, "close": {"reason": "end"}, "ping": {}, "paused": {}, "update": {"language": "en-US"},
    "resumed": {"start": "PT0S", "discarded": "PT1S"}, "discarded": {"start": "PT0S", "discarded": "PT1S"},
    "dtmf": {"digit": "5"}, "error": {"code": 429, "message": "slower"},
}
RISK = {
    "type": "risk", "call_id": CALL, "at_s": 9.0, "net_speech_s": 6.0, "score": 3, "band": "low", "state": "ok",
    "evidence": [], "models": {}, "policy": "0" * 12,
}
DECISION = {
    "type": "decision", "call_id": CALL, "action_id": "a", "action": "refund", "tier": "money", "decision": "step_up",
    "state": "challenged", "reasons": [], "rule": "code_needed", "risk": RISK,
}


def media(channels: str, form: str = "PCMU", **changes: Any) -> dict[str, Any]:
    """An offered medium; `channels`: e for external, i for internal."""
    names = [{"e": "external", "i": "internal"}.get(letter, letter) for letter in channels]
    return {"type": "audio", "format": form, "channels": names, "rate": 8000} | changes


class Client:
    """A client of one session, that numbers its messages as it must."""

    def __init__(self, **options: Any) -> None:
        self.codec = AudioHookCodec(ID, ORG, **options)
        self.seq = self.serverseq = self.position = 0

    def message(self, kind: str, parameters: dict[str, Any] | None = None, **changes: Any) -> str:
        """The next message of this kind."""
        self.seq += 1
        return json.dumps({
            "version": "2", "type": kind, "id": ID, "seq": self.seq, "serverseq": self.serverseq,
            "position": written(self.position), "parameters": PARAMETERS[kind] if parameters is None else parameters,
        } | changes)

    def say(self, kind: str, **parameters: Any) -> list[WireEvent]:
        """Send a message; `parameters` change its usual ones."""
        return self.codec.receive_text(self.message(kind, PARAMETERS[kind] | parameters))

    def hear(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """What the codec makes of one of our messages; numbered without a gap, acknowledging what it had."""
        said = []
        for frame in self.codec.encode(message):
            assert isinstance(frame, str)
            one = json.loads(frame)
            self.serverseq += 1
            assert ("2", ID, self.serverseq) == (one["version"], one["id"], one["seq"])
            assert {"version", "id", "type", "seq", "clientseq", "parameters"} == one.keys()
            said.append(one)
        return said

    def kinds(self, message: dict[str, Any]) -> list[str]:
        """The types of what the codec makes of one of our messages."""
        return [one["type"] for one in self.hear(message)]


def active(offered: list[dict[str, Any]] | None = None, **options: Any) -> Client:
    """A client whose session is open."""
    client = Client(**options)
    client.say("open", media=offered or [media("ei")])
    client.hear({"type": "started"})
    return client
