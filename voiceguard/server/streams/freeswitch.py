"""`WS /v1/stream/freeswitch`."""

from __future__ import annotations

from starlette.websockets import WebSocket

from voiceguard.ingest.fork import ForkCodec
from voiceguard.ingest.freeswitch import FORK, STREAM, SUBPROTOCOLS
from voiceguard.server.context import WebContext
from voiceguard.server.streams.api_key_auth import accepted
from voiceguard.server.streams.session import Session
from voiceguard.server.streams.websocket import WebSocketTransport

PATH = "/v1/stream/freeswitch"


async def freeswitch(websocket: WebSocket) -> None:
    """`WS /v1/stream/freeswitch`: mod_audio_fork or mod_audio_stream; an API key with scope `stream` as its basic
    authentication or in its extra headers."""
    service: WebContext = websocket.app.state.service
    if await accepted(websocket, PATH, SUBPROTOCOLS):
        is_fork = not set(SUBPROTOCOLS).isdisjoint(websocket.scope["subprotocols"])
        codec = ForkCodec(FORK if is_fork else STREAM, options=service.settings.ingest)
        await Session(service, WebSocketTransport(websocket), codec, ends_by_closing=True).run()
