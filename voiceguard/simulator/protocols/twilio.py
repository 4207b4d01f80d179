"""Twilio Media Streams, as Twilio and SignalWire speak them."""

from __future__ import annotations

from collections.abc import Mapping

from voiceguard.simulator.protocols.platform import Dialling, Message, TrackLine, as_text, metadata, stream_token


class TwilioLine(TrackLine):
    """Twilio Media Streams, both tracks; every number that Twilio writes as a string is one.

    `token`: from `voiceguard.ingest.stream_token`, as the `<Parameter>` of that name. `bearer`: the same in the header
    of the upgrade, where the platform can send one.
    """

    def __init__(
        self, call_id: str, customer_ref: str | None, token: str = "", *, path: str = "/v1/stream/twilio",
        bearer: str = "",
    ) -> None:
        super().__init__()
        self.path = path
        self.headers: Mapping[str, str] = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        self._stream = {"streamSid": f"MZ{call_id}"}
        parameters = metadata(customer_ref, **({"token": token} if token else {}))
        self._start = {
            "accountSid": "AC00000000000000000000000000000000", **self._stream, "callSid": call_id,
            "tracks": ["inbound", "outbound"], "customParameters": parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }

    def opening(self) -> list[Message]:
        """`connected` and `start`."""
        connected = as_text({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        return [connected, self._numbered("start", start=self._start)]

    def digit(self, digit: str) -> Message:
        """`dtmf`."""
        return self._numbered("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    def closing(self) -> Message:
        """`stop`."""
        return self._numbered("stop", stop={"accountSid": self._start["accountSid"], "callSid": self._start["callSid"]})

    def _fields(self, event: str, sequence: int) -> dict[str, object]:
        return {"sequenceNumber": str(sequence), **self._stream}


def dial(dialling: Dialling) -> TwilioLine:
    """A line that proves itself by a stream token among its parameters."""
    token = stream_token(dialling.call_id, dialling.settings.twilio.stream_secret)
    return TwilioLine(dialling.call_id, dialling.customer_ref, token)


def signalwire(dialling: Dialling) -> TwilioLine:
    """SignalWire's line, which proves itself by a stream token as its bearer token."""
    token = stream_token(dialling.call_id, dialling.settings.signalwire.stream_secret)
    return TwilioLine(dialling.call_id, dialling.customer_ref, path="/v1/stream/signalwire", bearer=token)
