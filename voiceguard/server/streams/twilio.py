"""`WS /v1/stream/twilio`, and `WS /v1/stream/signalwire`, which speaks the same."""

from __future__ import annotations

from starlette.websockets import WebSocket

from voiceguard.errors import AuthenticationError
from voiceguard.events import CallStarted
from voiceguard.ingest.json_stream import JsonStreamCodec
from voiceguard.ingest.stream_token import check_stream_token
from voiceguard.ingest.twilio import SIGNALWIRE, TWILIO
from voiceguard.ingest.twilio_auth import verify_signature
from voiceguard.server.access.authenticate import bearer
from voiceguard.server.context import WebContext
from voiceguard.server.streams.credentials import public_url, use_once
from voiceguard.server.streams.session import Session
from voiceguard.server.streams.stream_token_auth import serve_tokened
from voiceguard.server.streams.websocket import WebSocketTransport, refuse_upgrade


async def twilio(websocket: WebSocket) -> None:
    """`WS /v1/stream/twilio`: Twilio Media Streams; refused before the upgrade without a right signature."""
    service: WebContext = websocket.app.state.service
    options = service.settings.twilio
    nonces: list[str] = []
    try:
        if options.auth_token is None and not options.shared_keys and options.stream_secret is None:
            raise AuthenticationError("no Twilio credentials are configured")
        if options.auth_token is not None or options.shared_keys:
            _check_signature(service, websocket)
    except AuthenticationError as error:
        # Twilio shows a refused upgrade as its error 31920.
        await refuse_upgrade(service, websocket, error)
        return
    await websocket.accept()

    secret = options.stream_secret
    def check_token(token: str, call_sid: str) -> None:
        assert secret is not None
        nonces.append(check_stream_token(token, call_sid, service.now(), secret.get_secret_value()))

    async def admit(_: CallStarted) -> None:
        for nonce in nonces:
            await use_once(service, "stream token", nonce)

    codec = JsonStreamCodec(TWILIO, options=service.settings.ingest, check_token=check_token if secret else None)
    await Session(service, WebSocketTransport(websocket), codec, admit).run()


async def signalwire(websocket: WebSocket) -> None:
    """`WS /v1/stream/signalwire`: a stream token as the bearer token; SignalWire signs no upgrade."""
    service: WebContext = websocket.app.state.service
    codec = JsonStreamCodec(SIGNALWIRE, options=service.settings.ingest)
    await serve_tokened(websocket, codec, service.settings.signalwire.stream_secret, bearer(websocket))


def _check_signature(service: WebContext, websocket: WebSocket) -> None:
    options = service.settings.twilio
    verify_signature(
        public_url(service, websocket), websocket.headers.get("x-twilio-signature"),
        options.auth_token.get_secret_value() if options.auth_token else None,
        settings_header=websocket.headers.get("x-twilio-webhooks-signature-settings"),
        shared_keys={name: key.get_secret_value() for name, key in options.shared_keys.items()},
    )
