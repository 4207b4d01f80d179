"""Genesys AudioHook, as Genesys Cloud speaks it."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import orjson

from voiceguard.events import Channel
from voiceguard.ingest.audiohook_auth import UpgradeRequest, sign_upgrade
from voiceguard.ingest.audiohook_messages import written
from voiceguard.simulator.protocols.platform import FRAME_SAMPLES, SILENCE, Dialling, Heard, Message, as_text

PATH = "/v1/stream/audiohook"
PING_FRAMES = 250
"""5 s."""
ORGANIZATION_ID = "6f4a1e0e-3c07-4b76-9d6c-0a3f4f9c1b2d"
PARTICIPANT_ID = "b7d2a1c4-90f5-4f0b-8f36-7f6c1c2e5a90"


class AudioHookLine:
    """One AudioHook session that offers both channels or the caller's alone, in mu-law.

    Frames are of 20 ms, where Genesys sends some hundred: what is waited for shall be the service, not the frame.
    `headers`: the request's identities and its proof. Call ids are conversation ids, so UUIDs.
    """

    path = PATH
    subprotocols = ()
    awaits_answer = True

    def __init__(self, call_id: str, customer_ref: str | None, headers: Mapping[str, str]) -> None:
        self.headers = headers
        self._session_id = headers["Audiohook-Session-Id"]
        self._config: dict[str, object] = {"consent": ["voice_analysis"]}
        if customer_ref is not None:
            self._config["customer_ref"] = customer_ref
        self._conversation_id = call_id
        self._channels: list[str] = []
        self._paused_at: int | None = None
        self._seq = self._serverseq = self._position = self._frames = 0

    def opening(self) -> list[Message]:
        """`open`."""
        media = [
            {"type": "audio", "format": "PCMU", "channels": channels, "rate": 8000}
            for channels in (["external", "internal"], ["external"], ["internal"])
        ]
        return [self._numbered(
            "open", organizationId=self.headers["Audiohook-Organization-Id"], conversationId=self._conversation_id,
            participant={"id": PARTICIPANT_ID, "ani": "tel:+15555550100", "aniName": "", "dnis": "tel:+15555550199"},
            media=media, language="en-US", inputVariables=self._config,
        )]

    def audio(self, frame: Mapping[Channel, bytes]) -> list[Message]:
        """One binary message of the channels that the service chose; none while it has the session paused."""
        messages: list[Message] = []
        self._frames += 1
        if self._frames % PING_FRAMES == 0:
            messages.append(self._numbered("ping"))
        if self._paused_at is None and self._channels:
            both = bytearray(FRAME_SAMPLES * len(self._channels))
            for at, name in enumerate(self._channels):
                both[at :: len(self._channels)] = frame.get("caller" if name == "external" else "agent", SILENCE)
            messages.append(bytes(both))
        self._position += FRAME_SAMPLES
        return messages

    def digit(self, digit: str) -> Message:
        """`dtmf`."""
        return self._numbered("dtmf", digit=digit)

    def transcript(self, channel: Channel, text: str) -> None:
        """AudioHook carries no transcripts to the service."""

    def intent(self, action: str, parameters: Mapping[str, str]) -> None:
        """AudioHook carries no intents to the service."""

    def closing(self) -> Message:
        """`close`."""
        return self._numbered("close", reason="end")

    def heard(self, frame: Message) -> Heard:
        """`pause` and `resume` are answered; decisions in events the platform has from its own question."""
        message: dict[str, Any] = orjson.loads(frame)
        self._serverseq = message["seq"]
        match message["type"]:
            case "opened":
                self._channels = message["parameters"]["media"][0]["channels"]
            case "pause" if self._paused_at is None:
                self._paused_at = self._position
                return Heard([self._numbered("paused")])
            case "resume" if self._paused_at is not None:
                start, self._paused_at = self._paused_at, None
                return Heard([self._numbered(
                    "resumed", start=written(start), discarded=written(self._position - start)
                )])
        return Heard()

    def _numbered(self, kind: str, **parameters: object) -> str:
        self._seq += 1
        return as_text({
            "version": "2", "type": kind, "id": self._session_id, "seq": self._seq, "serverseq": self._serverseq,
            "position": written(self._position), "parameters": parameters,
        })


def dial(dialling: Dialling) -> AudioHookLine:
    """A line that proves itself under the service's first AudioHook key."""
    keys = dialling.settings.audiohook.keys
    api_key = keys[0].api_key.get_secret_value() if keys else "-"
    headers = request_headers(
        urlsplit(dialling.origin).netloc, api_key, keys[0].secret if keys else b"-", created=int(time.time())
    )
    return AudioHookLine(dialling.call_id, dialling.customer_ref, headers)


def request_headers(authority: str, api_key: str, secret: bytes, *, created: int) -> dict[str, str]:
    """The headers of one upgrade request, signed where there is a secret; `created` in Unix seconds."""
    headers = {
        "Audiohook-Organization-Id": ORGANIZATION_ID, "Audiohook-Session-Id": str(uuid4()),
        "Audiohook-Correlation-Id": str(uuid4()), "X-API-KEY": api_key,
    }
    if secret:
        request = UpgradeRequest(PATH, authority, {name.lower(): value for name, value in headers.items()})
        nonce = base64.b64encode(secrets.token_bytes(18)).decode()
        headers |= sign_upgrade(request, secret, created=created, nonce=nonce)
    return headers
