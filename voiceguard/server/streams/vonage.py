"""`WS /v1/stream/vonage`."""

from __future__ import annotations

from starlette.websockets import WebSocket

from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.ingest.vonage import VonageCodec
from voiceguard.ingest.vonage_auth import verify_jwt
from voiceguard.server.context import WebContext
from voiceguard.server.streams.credentials import use_once
from voiceguard.server.streams.session import Session
from voiceguard.server.streams.websocket import WebSocketTransport, refuse_upgrade


async def vonage(websocket: WebSocket) -> None:
    """`WS /v1/stream/vonage`: refused before the upgrade without a JWT that Vonage signed just now, for one use."""
    service: WebContext = websocket.app.state.service
    options = service.settings.vonage
    try:
        if options.signature_secret is None:
            raise AuthenticationError("no Vonage credentials are configured")
        jti = verify_jwt(
            websocket.headers.get("authorization"), options.signature_secret.get_secret_value(), service.now(),
            application_id=options.application_id, api_key=options.api_key,
        )
        await use_once(service, "vonage", jti)
    except PeerError as error:
        await refuse_upgrade(service, websocket, error)
        return
    await websocket.accept()
    codec = VonageCodec(options=service.settings.ingest)
    await Session(service, WebSocketTransport(websocket), codec, ends_by_closing=True).run()
