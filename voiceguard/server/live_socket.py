"""`WS /v1/live`: the live feed over a websocket, for machines with scope `live` and for signed-in people."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from voiceguard.adapters.store import StoreError
from voiceguard.errors import AuthenticationError
from voiceguard.live.feed import Follower, Hub
from voiceguard.server.access.authenticate import authenticate, authenticate_person, bearer
from voiceguard.server.access.fields import cut
from voiceguard.server.access.principal import Principal
from voiceguard.server.access.revocation import closed_on_revocation
from voiceguard.server.access.rules import topics_for
from voiceguard.server.context import WebContext

PAUSE_S = 0.05
"""Least time between two writes to one follower: faster is not seen by people."""
SLOW_S = 10.0
"""A follower that has not taken one write by then is dropped."""


async def follow(websocket: WebSocket) -> None:
    """`WS /v1/live`. Closes with 1008 without a key of scope `live` or the session of somebody who may, or when the key
    is revoked or that session ends; with 1013 when the reader is too slow, or when too many follow.
    """
    service: WebContext = websocket.app.state.service
    try:
        principal = await _who(service, websocket)
    except AuthenticationError:
        await _turn_away(websocket, 1008, "unauthenticated")
        return
    except StoreError:
        await _turn_away(websocket, 1013, "the store cannot be used now")
        return
    if not service.census.let_in(websocket.state.connection):
        await _turn_away(websocket, 1013, "too many follow")
        return
    await websocket.accept()
    hub: Hub = service.live.hub
    follower = (
        hub.join(topics_for(principal.roles), principal.name, principal.tenant) if principal.is_person
        else hub.join(tenant=principal.tenant)
    )
    risk = service.settings.risk
    thresholds = {"elevated": 100.0 * risk.elevated_from, "high": 100.0 * risk.high}
    writer = asyncio.create_task(_write(websocket, hub, follower, thresholds, principal.terms.fields))
    revoked = asyncio.Event()
    tasks = {asyncio.create_task(_until_gone(websocket)), writer, asyncio.create_task(revoked.wait())}
    try:
        with closed_on_revocation(service, principal, ("WS", "/v1/live"), revoked.set):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hub.leave(follower)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if revoked.is_set():
        await _close(websocket, 1008, "the session is over" if principal.is_person else "the key is revoked")
    try:
        if not writer.cancelled():
            writer.result()
    except TimeoutError:
        await _close(websocket, 1013, "too slow")
    except WebSocketDisconnect:
        pass


async def _who(service: WebContext, websocket: WebSocket) -> Principal:
    secret = bearer(websocket)
    person = None if secret else await authenticate_person(service, websocket, "/v1/live")
    return person or await authenticate(service.store, secret, "/v1/live")


async def _turn_away(websocket: WebSocket, code: int, reason: str) -> None:
    """Accept only to close: a browser tells its page no other reason."""
    await websocket.accept()
    await _close(websocket, code, reason)


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    with suppress(WebSocketDisconnect):  # gone meanwhile
        await websocket.close(code, reason)


async def _until_gone(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _write(
    websocket: WebSocket, hub: Hub, follower: Follower, thresholds: Mapping[str, float], fields: Collection[str] | None
) -> None:
    messages = [{**follower.snapshot(hub.calls.values()), "thresholds": thresholds}]
    while True:
        for message in messages:
            async with asyncio.timeout(SLOW_S):
                shown = message if fields is None else cut(message, {"type", *fields})
                await websocket.send_text(orjson.dumps(shown).decode())
        await asyncio.sleep(PAUSE_S)
        await follower.wake.wait()
        messages = follower.take(hub.calls)
