"""`WS /v1/stream/native`."""

from __future__ import annotations

from starlette.websockets import WebSocket

from voiceguard.adapters.store import StoreError
from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.ingest.native import NativeCodec
from voiceguard.server.access.authenticate import authenticate, bearer
from voiceguard.server.context import WebContext
from voiceguard.server.streams.session import Session
from voiceguard.server.streams.websocket import WebSocketTransport, turn_away


async def native(websocket: WebSocket) -> None:
    """`WS /v1/stream/native`: our own protocol; the platform's API key with scope `stream` in the header."""
    service: WebContext = websocket.app.state.service
    await websocket.accept()
    codec = NativeCodec(options=service.settings.ingest)
    try:
        websocket.state.principal = await authenticate(service.store, bearer(websocket), "/v1/stream/native")
    except AuthenticationError as error:
        await turn_away(service, websocket, codec, error)
    except StoreError:
        unavailable = PeerError("store_unavailable", "keys cannot be checked now", close_code=1013)
        await turn_away(service, websocket, codec, unavailable)
    else:
        await Session(service, WebSocketTransport(websocket), codec).run()
