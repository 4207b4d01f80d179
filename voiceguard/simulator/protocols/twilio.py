"""Twilio Media Streams, as Twilio and SignalWire speak them."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from voiceguard.events import Channel
from voiceguard.simulator.protocols.platform import SILENCE, Dialling, Heard, Message, as_text, stream_token


class TwilioLine:
    """Twilio Media Streams, both tracks; every number that Twilio writes as a string is one.

    `token`: from `voiceguard.ingest.stream_token`, as the `<Parameter>` of that name. `bearer`: the same in the header
    of the upgrade, where the platform can send one.
    """

    subprotocols = ()
    awaits_answer = False

    def __init__(
        self, call_id: str, customer_ref: str | None, token: str = "", *, path: str = "/v1/stream/twilio",
        bearer: str = "",
    ) -> None:
        self.path = path
        self.headers: Mapping[str, str] = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        self._stream = {"streamSid": f"MZ{call_id}"}
        self._sequence = 0
        self._chunks: dict[str, int] = {"inbound": 0, "outbound": 0}
        parameters = {"consent": "voice_analysis"} | ({"token": token} if token else {})
        if customer_ref is not None:
            parameters["customer_ref"] = customer_ref
        self._start = {
            "accountSid": "AC00000000000000000000000000000000", **self._stream, "callSid": call_id,
            "tracks": ["inbound", "outbound"], "customParameters": parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }

    def opening(self) -> list[Message]:
        """`connected` and `start`."""
        connected = as_text({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        return [connected, self._numbered("start", start=self._start)]

    def audio(self, frame: Mapping[Channel, bytes]) -> list[Message]:
        """One `media` for each track."""
        both = ("inbound", frame.get("caller", SILENCE)), ("outbound", frame.get("agent", SILENCE))
        return [self._media(track, payload) for track, payload in both]

    def digit(self, digit: str) -> Message:
        """`dtmf`."""
        return self._numbered("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    def transcript(self, channel: Channel, text: str) -> None:
        """Media Streams carry no transcripts."""

    def intent(self, action: str, parameters: Mapping[str, str]) -> None:
        """Media Streams carry no intents."""

    def closing(self) -> Message:
        """`stop`."""
        return self._numbered("stop", stop={"accountSid": self._start["accountSid"], "callSid": self._start["callSid"]})

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
        return as_text({"event": event, "sequenceNumber": str(self._sequence), **body, **self._stream})


def dial(dialling: Dialling) -> TwilioLine:
    """A line that proves itself by a stream token among its parameters."""
    token = stream_token(dialling.call_id, dialling.settings.twilio.stream_secret)
    return TwilioLine(dialling.call_id, dialling.customer_ref, token)


def signalwire(dialling: Dialling) -> TwilioLine:
    """SignalWire's line, which proves itself by a stream token as its bearer token."""
    token = stream_token(dialling.call_id, dialling.settings.signalwire.stream_secret)
    return TwilioLine(dialling.call_id, dialling.customer_ref, path="/v1/stream/signalwire", bearer=token)
