"""Platforms that sign no upgrade, and bring a stream token in a header: how their calls are let in."""

from __future__ import annotations

from pydantic import SecretStr
from starlette.websockets import WebSocket

from voiceguard.errors import AuthenticationError
from voiceguard.events import CallStarted
from voiceguard.server.context import WebContext
from voiceguard.server.streams.credentials import spend_stream_token
from voiceguard.server.streams.session import Codec, Session
from voiceguard.server.streams.websocket import WebSocketTransport, refuse_upgrade


async def serve_tokened(websocket: WebSocket, codec: Codec, secret: SecretStr | None, token: str | None) -> None:
    """Serve the one call that the token names. Without a token or the secret that checks it, the upgrade is refused."""
    service: WebContext = websocket.app.state.service
    if secret is None or not token:
        await refuse_upgrade(service, websocket, AuthenticationError("no stream token is given or configured"))
        return
    await websocket.accept()

    async def admit(started: CallStarted) -> None:
        await spend_stream_token(service, secret, token, started.call_id)

    await Session(service, WebSocketTransport(websocket), codec, admit).run()
