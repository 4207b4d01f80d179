"""`WS /v1/stream/jambonz`."""

from __future__ import annotations

from starlette.websockets import WebSocket

from voiceguard.ingest.fork import ForkCodec
from voiceguard.ingest.jambonz import JAMBONZ, SUBPROTOCOLS
from voiceguard.server.context import WebContext
from voiceguard.server.streams.api_key_auth import accepted
from voiceguard.server.streams.session import Session
from voiceguard.server.streams.websocket import WebSocketTransport

PATH = "/v1/stream/jambonz"


async def jambonz(websocket: WebSocket) -> None:
    """`WS /v1/stream/jambonz`: the verb `listen`; an API key with scope `stream` as the password of its `wsAuth`."""
    service: WebContext = websocket.app.state.service
    if await accepted(websocket, PATH, SUBPROTOCOLS):
        codec = ForkCodec(JAMBONZ, options=service.settings.ingest)
        await Session(service, WebSocketTransport(websocket), codec, ends_by_closing=True).run()
