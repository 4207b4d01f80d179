"""`WS /v1/stream/asterisk`."""

from __future__ import annotations

from dataclasses import replace

from starlette.websockets import WebSocket

from voiceguard.errors import AuthenticationError
from voiceguard.events import CallStarted
from voiceguard.ingest.asterisk_ws import AsteriskCodec
from voiceguard.server.context import WebContext
from voiceguard.server.streams.api_key_auth import accepted
from voiceguard.server.streams.audiosocket import as_registered, claim, registrar
from voiceguard.server.streams.session import Session
from voiceguard.server.streams.websocket import WebSocketTransport

PATH = "/v1/stream/asterisk"


async def asterisk(websocket: WebSocket) -> None:
    """`WS /v1/stream/asterisk`: a call that Asterisk's websocket channel dials out; an API key with scope `stream` as
    the password of websocket_client.conf, and, where the settings demand it, a registered call for each stream."""
    service: WebContext = websocket.app.state.service
    if not await accepted(websocket, PATH, ["media"]):
        return
    codec = AsteriskCodec(dict(websocket.query_params), options=service.settings.ingest)

    async def admit(started: CallStarted) -> CallStarted | None:
        if codec.registered is None:
            if service.settings.asterisk.only_registered:
                raise AuthenticationError("the stream names no registered call")
            return None
        named = replace(started, call_id=str(codec.registered))
        registered = await claim(service, codec.registered)
        if registered.tenant != transport.tenant:
            raise AuthenticationError("no call is registered under this UUID")
        await registrar(service, registered)
        return as_registered(named, registered)

    transport = WebSocketTransport(websocket)
    await Session(service, transport, codec, admit, ends_by_closing=True).run()
