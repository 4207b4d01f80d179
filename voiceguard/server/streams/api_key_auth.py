"""Platforms that hold an API key of ours: how their websockets are let in."""

from __future__ import annotations

from collections.abc import Collection

import structlog
from starlette.websockets import WebSocket

from voiceguard.adapters.store import StoreError
from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.server.access.authenticate import authenticate, presented
from voiceguard.server.context import WebContext
from voiceguard.server.streams.websocket import refuse_upgrade


async def accepted(websocket: WebSocket, path: str, subprotocols: Collection[str] = ()) -> bool:
    """Accept the websocket of whoever holds a key for this path, with the first subprotocol offered that is among
    these (RFC 6455 section 4.2.2); False when it was refused before the upgrade, which these platforms report."""
    service: WebContext = websocket.app.state.service
    try:
        principal = await authenticate(service.store, presented(websocket), path)
        websocket.state.principal = principal
        structlog.contextvars.bind_contextvars(key=principal.name)
    except AuthenticationError as error:
        await refuse_upgrade(service, websocket, error, 401)
        return False
    except StoreError:
        unavailable = PeerError("store_unavailable", "keys cannot be checked now")
        await refuse_upgrade(service, websocket, unavailable, 503)
        return False
    await websocket.accept(next((name for name in websocket.scope["subprotocols"] if name in subprotocols), None))
    return True
