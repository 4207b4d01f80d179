"""One call as each platform words it on the wire: pure, no sockets."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Protocol

import orjson

from voiceguard.codecs import g711
from voiceguard.events import Channel, Samples

FRAME_SAMPLES = 160
"""20 ms at 8 kHz."""
FRAME_S = 0.02
SILENCE = b"\xff" * FRAME_SAMPLES

Message = str | bytes


class Line(Protocol):
    """The messages of one call. What a protocol has no message for is None: the platform asks through the API."""

    def opening(self) -> list[Message]: ...
    def audio(self, frame: Mapping[Channel, bytes]) -> list[Message]: ...
    def digit(self, digit: str) -> Message: ...
    def transcript(self, channel: Channel, text: str) -> Message | None: ...
    def intent(self, action: str, parameters: Mapping[str, str]) -> Message | None: ...
    def closing(self) -> Message: ...


class NativeLine:
    """`WS /v1/stream/native`: two channels of mu-law, sample by sample in turn."""

    def __init__(self, call_id: str, customer_ref: str | None) -> None:
        self._start = {
            "type": "start", "call_id": call_id, "encoding": "pcmu", "sample_rate": 8000,
            "channels": ["caller", "agent"], "consent": ["voice_analysis"],
        }
        if customer_ref is not None:
            self._start["customer_ref"] = customer_ref

    def opening(self) -> list[Message]:
        """`start`."""
        return [_text(self._start)]

    def audio(self, frame: Mapping[Channel, bytes]) -> list[Message]:
        """One binary message: caller, agent, caller, ..."""
        both = bytearray(2 * FRAME_SAMPLES)
        both[0::2], both[1::2] = frame.get("caller", SILENCE), frame.get("agent", SILENCE)
        return [bytes(both)]

    def digit(self, digit: str) -> Message:
        """`dtmf`."""
        return _text({"type": "dtmf", "channel": "caller", "digit": digit})

    def transcript(self, channel: Channel, text: str) -> Message:
        """`transcript`."""
        return _text({"type": "transcript", "channel": channel, "text": text})

    def intent(self, action: str, parameters: Mapping[str, str]) -> Message:
        """`intent`."""
        return _text({"type": "intent", "action": action, "parameters": dict(parameters)})

    def closing(self) -> Message:
        """`stop`."""
        return _text({"type": "stop"})


class TwilioLine:
    """Twilio Media Streams, both tracks; every number that Twilio writes as a string is one.

    `token`: from `voiceguard.ingest.twilio.make_stream_token`, as the `<Parameter>` of that name.
    """

    def __init__(self, call_id: str, customer_ref: str | None, token: str) -> None:
        self._stream = {"streamSid": f"MZ{call_id}"}
        self._sequence = 0
        self._chunks: dict[str, int] = {"inbound": 0, "outbound": 0}
        parameters = {"consent": "voice_analysis", "token": token}
        if customer_ref is not None:
            parameters["customer_ref"] = customer_ref
        self._start = {
            "accountSid": "AC00000000000000000000000000000000", **self._stream, "callSid": call_id,
            "tracks": ["inbound", "outbound"], "customParameters": parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }

    def opening(self) -> list[Message]:
        """`connected` and `start`."""
        connected = _text({"event": "connected", "protocol": "Call", "version": "1.0.0"})
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

    def _media(self, track: str, payload: bytes) -> Message:
        self._chunks[track] = chunk = self._chunks[track] + 1
        return self._numbered("media", media={
            "track": track, "chunk": str(chunk), "timestamp": str((chunk - 1) * 20),
            "payload": base64.b64encode(payload).decode(),
        })

    def _numbered(self, event: str, **body: object) -> str:
        self._sequence += 1
        return _text({"event": event, "sequenceNumber": str(self._sequence), **body, **self._stream})


def frames(channels: Mapping[Channel, Samples]) -> list[dict[Channel, bytes]]:
    """Samples (n,) of each channel as mu-law in frames of 20 ms; the last one is filled up with silence."""
    encoded = {channel: g711.encode_ulaw(samples) for channel, samples in channels.items()}
    longest = max(map(len, encoded.values()), default=0)
    return [
        {role: data[start : start + FRAME_SAMPLES].ljust(FRAME_SAMPLES, b"\xff") for role, data in encoded.items()}
        for start in range(0, longest, FRAME_SAMPLES)
    ]


def _text(message: Mapping[str, object]) -> str:
    return orjson.dumps(message).decode()
