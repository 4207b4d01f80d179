"""`WS /v1/stream/telnyx`."""

from __future__ import annotations

from starlette.websockets import WebSocket

from voiceguard.ingest.json_stream import JsonStreamCodec
from voiceguard.ingest.telnyx import AUTH_HEADER, TELNYX, TELNYX_BIG_ENDIAN
from voiceguard.server.context import WebContext
from voiceguard.server.streams.stream_token_auth import serve_tokened


async def telnyx(websocket: WebSocket) -> None:
    """`WS /v1/stream/telnyx`: a stream token as `stream_auth_token`; Telnyx signs webhooks, but no upgrade."""
    service: WebContext = websocket.app.state.service
    options = service.settings.telnyx
    platform = TELNYX_BIG_ENDIAN if options.l16_byte_order == "big" else TELNYX
    codec = JsonStreamCodec(platform, options=service.settings.ingest)
    await serve_tokened(websocket, codec, options.stream_secret, websocket.headers.get(AUTH_HEADER))
