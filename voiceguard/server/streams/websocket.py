"""Websockets as transports, and how one is turned away."""

from __future__ import annotations

import structlog
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.events.tenants import DEFAULT
from voiceguard.server.access.principal import Principal
from voiceguard.server.context import WebContext
from voiceguard.server.port.census import Connection
from voiceguard.server.streams.session import Closed, Codec, Frame

log = structlog.get_logger()

ORDERLY = (1000, 1001, 1005)
"""Close frames that end a stream as it should: normal, going away, and without a code (RFC 6455 section 7.4.1)."""


class WebSocketTransport:
    """An accepted websocket."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.principal: Principal | None = getattr(websocket.state, "principal", None)
        self.connection: Connection = websocket.state.connection
        path = websocket.url.path
        self.owner = f"{path} {'' if self.principal is None else self.principal.name}"
        service: WebContext = websocket.app.state.service
        self.tenant = service.settings.tenants.get(path.rpartition("/")[2], DEFAULT)
        if self.principal is not None:
            self.tenant = self.principal.terms.tenant

    async def receive(self) -> Frame:
        """The next text or binary message."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            # uvicorn ends its streams with 1012, service restart, when it stops, and says 1005 of a broken connection.
            # Where the peer sent a close frame, its reason, though empty, is in the message.
            code, framed = message["code"], "reason" in message
            raise Closed(stopping=code == 1012 and not framed, orderly=framed and code in ORDERLY)
        text: str | None = message.get("text")
        frame: Frame = message["bytes"] if text is None else text
        return frame

    async def send(self, frame: Frame) -> None:
        """As a text or a binary message."""
        try:
            if isinstance(frame, str):
                await self._websocket.send_text(frame)
            else:
                await self._websocket.send_bytes(frame)
        except WebSocketDisconnect:
            raise Closed from None

    async def close(self, code: int) -> None:
        """The close frame, unless the socket is gone."""
        if WebSocketState.DISCONNECTED not in (self._websocket.client_state, self._websocket.application_state):
            try:
                await self._websocket.close(code)
            except WebSocketDisconnect:
                raise Closed from None


async def turn_away(service: WebContext, websocket: WebSocket, codec: Codec, error: PeerError) -> None:
    """Refuse an accepted websocket in its protocol's terms."""
    _note(service, websocket, error)
    for frame in codec.encode({"type": "error", "code": error.code, "text": str(error)}):
        await (websocket.send_text(frame) if isinstance(frame, str) else websocket.send_bytes(frame))
    await websocket.close(error.close_code)


async def refuse_upgrade(service: WebContext, websocket: WebSocket, error: PeerError, status: int = 403) -> None:
    """Answer with this HTTP status instead of 101: for protocols that have no error message, or before anything is
    read."""
    _note(service, websocket, error)
    if status == 403:  # what closing means here; uvicorn logs an error of its own beside any other answer
        await websocket.close(error.close_code)
    else:
        await websocket.send_denial_response(Response(status_code=status))


def _note(service: WebContext, websocket: WebSocket, error: PeerError) -> None:
    """Count and log a refused stream, with what an engineer needs to mend the platform's set-up."""
    service.metrics.refused.labels(error.code).inc()
    url = websocket.url
    origin = service.settings.public_origin or f"{url.scheme}://{url.netloc}"
    hint = ""
    if isinstance(error, AuthenticationError) and service.settings.public_origin is None:
        hint = "; a proxy that changes host or scheme needs the setting public_origin"
    # The query may hold tokens and customers.
    log.warning("stream refused", code=error.code, reason=f"{error}{hint}", address=origin + url.path)
