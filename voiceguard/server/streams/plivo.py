"""`WS /v1/stream/plivo`."""

from __future__ import annotations

import math

from starlette.websockets import WebSocket

from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.ingest.json_stream import JsonStreamCodec
from voiceguard.ingest.plivo import PLIVO
from voiceguard.ingest.plivo_auth import verify_signature
from voiceguard.server.context import WebContext
from voiceguard.server.streams.credentials import public_url, use_once
from voiceguard.server.streams.session import Session
from voiceguard.server.streams.websocket import WebSocketTransport, refuse_upgrade


async def plivo(websocket: WebSocket) -> None:
    """`WS /v1/stream/plivo`: refused before the upgrade without a right signature whose nonce was never seen."""
    service: WebContext = websocket.app.state.service
    secret, headers = service.settings.plivo.auth_token, websocket.headers
    nonce = headers.get("x-plivo-signature-v3-nonce")
    try:
        if secret is None:
            raise AuthenticationError("no Plivo credentials are configured")
        verify_signature(
            public_url(service, websocket), headers.get("x-plivo-signature-v3"), nonce, secret.get_secret_value()
        )
        # The signature holds no time, so it never expires: its nonce is remembered for ever.
        await use_once(service, "plivo", nonce or "", math.inf)
    except PeerError as error:
        await refuse_upgrade(service, websocket, error)
        return
    await websocket.accept()
    codec = JsonStreamCodec(PLIVO, options=service.settings.ingest)
    await Session(service, WebSocketTransport(websocket), codec, ends_by_closing=True).run()
