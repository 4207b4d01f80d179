"""`WS /v1/stream/twilio`."""

from __future__ import annotations

from starlette.websockets import WebSocket

from voiceguard.adapters.store import StoreError
from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.events import CallStarted
from voiceguard.ingest.twilio import TwilioCodec, check_stream_token, verify_signature
from voiceguard.server.service import Service
from voiceguard.server.streams.session import Session
from voiceguard.server.streams.websocket import WebSocketTransport, refuse_upgrade


async def twilio(websocket: WebSocket) -> None:
    """`WS /v1/stream/twilio`: Twilio Media Streams; refused before the upgrade without a right signature."""
    service: Service = websocket.app.state.service
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
            try:
                fresh = await service.store.use_nonce(nonce, service.now() + 86400)
            except StoreError:
                raise PeerError("store_unavailable", "tokens cannot be checked now", close_code=1013) from None
            if not fresh:
                raise AuthenticationError("this token was used before")

    codec = TwilioCodec(options=service.settings.ingest, token=check_token if secret else None)
    await Session(service, WebSocketTransport(websocket), codec, admit).run()


def _check_signature(service: Service, websocket: WebSocket) -> None:
    options = service.settings.twilio
    url = websocket.url
    origin = service.settings.public_origin or f"{url.scheme}://{url.netloc}"
    verify_signature(
        origin + url.path, websocket.headers.get("x-twilio-signature"),
        options.auth_token.get_secret_value() if options.auth_token else None,
        settings_header=websocket.headers.get("x-twilio-webhooks-signature-settings"),
        shared_keys={name: key.get_secret_value() for name, key in options.shared_keys.items()},
    )
