"""What jambonz says of a call, and what it is told."""

from __future__ import annotations

import json

from voiceguard.events import CallStarted, DtmfReceived
from voiceguard.ingest.fork import ForkCodec
from voiceguard.ingest.jambonz import JAMBONZ

ATTRIBUTES = {
    "sampleRate": 16000, "mixType": "stereo", "callSid": "1d8d1d0c-3b3f-4a7e-9d43-d0c1e5f6a7b8", "direction": "inbound",
    "from": "+4930111111", "to": "+4930222222", "callId": "a84b4c76e66710@pbx.example", "sbcCallid": "b",
    "sipStatus": 200, "sipReason": "OK",
    "callStatus": "in-progress", "callerId": "Ann", "accountSid": "acc-1", "traceId": "0af7",
    "applicationSid": "app-1", "fsSipAddress": "10.0.0.1:5060", "originatingSipIp": "10.0.0.2",
    "customerData": {"name": "Ann"}, "headers": {"X-Secret": "s"}, "customer_ref": "customer-1",
    "consent": "voice_analysis",
}
"""As lib/session/call-info.js of jambonz-feature-server 0.9.8 makes them, with a verb's metadata."""


def test_call_attributes() -> None:
    """The call's SID names it; of its attributes nothing personal is kept."""
    assert [
        CallStarted(
            ATTRIBUTES["callSid"], "l16", 16000, ("caller", "agent"), "customer-1", frozenset({"voice_analysis"}),  # type: ignore[arg-type]
            {"direction": "inbound", "callId": str(ATTRIBUTES["callId"]), "accountSid": "acc-1",
             "applicationSid": "app-1"},
        )
    ] == ForkCodec(JAMBONZ).receive_text(json.dumps(ATTRIBUTES))


def test_keys() -> None:
    """`passDtmf` sends them; the text that follows a played file is none of our business."""
    codec = ForkCodec(JAMBONZ)
    codec.receive_text(json.dumps(ATTRIBUTES))

    assert [DtmfReceived("caller", "#")] == codec.receive_text('{"event":"dtmf","dtmf":"#","duration":"1600"}')
    assert [] == codec.receive_text('{"type":"playDone","data":{"id":"1"}}')


def test_only_errors_are_told() -> None:
    """jambonz ends the verb at an error, and hands nothing else on."""
    error = {"type": "error", "code": "bad_json", "text": "no"}

    assert [{"type": "error", "data": error}] == JAMBONZ.word(error)
    assert [] == [worded for kind in ("started", "risk", "decision", "stopped") for worded in JAMBONZ.word(
        {"type": kind}
    )]
