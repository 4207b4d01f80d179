"""`WS /v1/stream/telnyx`."""

from __future__ import annotations

from starlette.websockets import WebSocket

from voiceguard.ingest.telnyx import AUTH_HEADER, TelnyxCodec
from voiceguard.server.context import WebContext
from voiceguard.server.streams.stream_token_auth import serve_tokened


async def telnyx(websocket: WebSocket) -> None:
    """`WS /v1/stream/telnyx`: a stream token as `stream_auth_token`; Telnyx signs webhooks, but no upgrade."""
    service: WebContext = websocket.app.state.service
    options = service.settings.telnyx
    codec = TelnyxCodec(options=service.settings.ingest, l16_byte_order=options.l16_byte_order)
    await serve_tokened(websocket, codec, options.stream_secret, websocket.headers.get(AUTH_HEADER))
