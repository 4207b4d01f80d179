"""`WS /v1/stream/telnyx`."""

from __future__ import annotations

from starlette.websockets import WebSocket

from voiceguard.errors import AuthenticationError
from voiceguard.events import CallStarted
from voiceguard.ingest.telnyx import AUTH_HEADER, TelnyxCodec
from voiceguard.server.service import Service
from voiceguard.server.streams.proofs import spend_stream_token
from voiceguard.server.streams.session import Session
from voiceguard.server.streams.websocket import WebSocketTransport, refuse_upgrade


async def telnyx(websocket: WebSocket) -> None:
    """`WS /v1/stream/telnyx`: a stream token as `stream_auth_token`; Telnyx signs webhooks, but no upgrade."""
    service: Service = websocket.app.state.service
    options, token = service.settings.telnyx, websocket.headers.get(AUTH_HEADER)
    secret = options.stream_secret
    if secret is None or not token:
        await refuse_upgrade(service, websocket, AuthenticationError("no Telnyx token is given or configured"))
        return
    await websocket.accept()

    async def admit(started: CallStarted) -> None:
        await spend_stream_token(service, secret, token, started.call_id)

    codec = TelnyxCodec(options=service.settings.ingest, l16_byte_order=options.l16_byte_order)
    await Session(service, WebSocketTransport(websocket), codec, admit).run()
