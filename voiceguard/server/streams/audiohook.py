"""`WS /v1/stream/audiohook`."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.websockets import WebSocket

from voiceguard.adapters.store import StoreError
from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.events import ReplyDue
from voiceguard.ingest.audiohook import AudioHookCodec
from voiceguard.ingest.audiohook_auth import NONCE_LIFE_S, UpgradeRequest, verify_upgrade
from voiceguard.ingest.audiohook_messages import UUID
from voiceguard.ingest.fields import bad
from voiceguard.server.context import WebContext
from voiceguard.server.streams.session import Frame, Session
from voiceguard.server.streams.websocket import WebSocketTransport, refuse_upgrade

REFUSAL_S = 0.5
"""From a request to its refusal, whatever the reason: how long it took must not tell how far it got."""
FAREWELL_S = 1.5
"""For the client to close a session that it was told to disconnect."""
_IDENTITIES = ("audiohook-organization-id", "audiohook-session-id", "audiohook-correlation-id")
_STATUS = {"unauthenticated": 401, "bad_message": 400, "store_unavailable": 503}
_DEFAULT_PORTS = {"ws": ":80", "http": ":80", "wss": ":443", "https": ":443"}

_monotonic = time.monotonic
_sleep = asyncio.sleep


async def audiohook(websocket: WebSocket) -> None:
    """`WS /v1/stream/audiohook`: Genesys AudioHook; refused before the upgrade without API key and signature."""
    service: WebContext = websocket.app.state.service
    began = _monotonic()
    try:
        await _authenticate(service, websocket)
        organization_id, session_id, _ = (_identity(websocket, name) for name in _IDENTITIES)
    except PeerError as error:
        await _sleep(max(0.0, began + REFUSAL_S - _monotonic()))
        await refuse_upgrade(service, websocket, error, _STATUS[error.code])
        return
    await websocket.accept()
    options = service.settings.audiohook
    codec = AudioHookCodec(
        session_id, organization_id, options=service.settings.ingest, pause_after_s=options.pause_after_s,
        l16_big_endian=options.l16_byte_order == "big",
    )
    await Session(service, _AudioHookTransport(WebSocketTransport(websocket), codec), codec).run()


class _AudioHookTransport:
    """A websocket whose session the client closes, also when it was told to disconnect."""

    def __init__(self, transport: WebSocketTransport, codec: AudioHookCodec) -> None:
        self.owner, self.tenant, self.principal = transport.owner, transport.tenant, transport.principal
        self.connection = transport.connection
        self._transport = transport
        self._codec = codec

    async def receive(self) -> Frame:
        return await self._transport.receive()

    async def send(self, frame: Frame) -> None:
        await self._transport.send(frame)

    async def close(self, code: int) -> None:
        """Answer the client's `close`, if it comes in time, then close the websocket."""
        with suppress(PeerError, TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                while self._codec.awaits_close:
                    frame = await self._transport.receive()
                    for event in self._codec.receive_text(frame) if isinstance(frame, str) else ():
                        if isinstance(event, ReplyDue):
                            for reply in self._codec.encode(event.message):
                                await self._transport.send(reply)
        await self._transport.close(code)


def _identity(websocket: WebSocket, name: str) -> str:
    value = websocket.headers.get(name, "")
    if not UUID.fullmatch(value):
        raise bad(name)
    return value


async def _authenticate(service: WebContext, websocket: WebSocket) -> None:
    keys = service.settings.audiohook.keys
    secrets = {key.api_key.get_secret_value(): key.secret for key in keys}
    nonce = verify_upgrade(_upgrade(service, websocket), secrets, service.now(), os.urandom(32))
    if nonce is None:
        return
    try:
        # Two of the service's protocols must not use up each other's nonces.
        fresh = await service.store.nonces.use(f"audiohook:{nonce}", service.now() + NONCE_LIFE_S)
    except StoreError:
        raise PeerError("store_unavailable", "nonces cannot be checked now") from None
    if not fresh:
        raise AuthenticationError("this signature was used before")


def _upgrade(service: WebContext, websocket: WebSocket) -> UpgradeRequest:
    origin = service.settings.public_origin
    if origin is not None:
        scheme, authority = urlsplit(origin).scheme, urlsplit(origin).netloc
    else:
        scheme, authority = websocket.url.scheme, websocket.headers.get("host", "")
    query = websocket.scope["query_string"]
    target = websocket.scope["raw_path"] + (b"?" + query if query else b"")
    fields: dict[str, str] = {}
    for name, value in websocket.headers.items():
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return UpgradeRequest(
        target.decode("latin-1"), authority.lower().removesuffix(_DEFAULT_PORTS.get(scheme, "")), fields
    )
