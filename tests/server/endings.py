"""How a stream ended: for its client, in the store, and in the audit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.server.serving import Served, said


async def until(condition: Callable[[], object], patience_s: float = 10.0) -> None:
    """Return when this is so. Raises TimeoutError when it is not in that time."""
    async with asyncio.timeout(patience_s):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


async def closed(socket: ClientConnection, close_code: int) -> None:
    """Everything is read, and the server closed with this code."""
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionClosed):
            while True:
                await socket.recv()
    assert close_code == socket.close_code


async def refused(socket: ClientConnection, code: str, close_code: int) -> None:
    """The stream's last words are this error, and its socket closes with this code."""
    assert code == (await said(socket, "error"))["code"]
    await closed(socket, close_code)


async def keyed_refund(
    served: Served, api: httpx.AsyncClient, key: Callable[[str], Awaitable[object]]
) -> dict[str, Any]:
    """Ask for a refund of call-1 through the API and `key` the digits of the delivered code until it is allowed; what
    was answered to the question."""
    asked: dict[str, Any] = (await api.post("/v1/calls/call-1/actions", json={"action": "refund"})).json()
    assert "step_up" == asked["decision"]
    await until(lambda: served.phone.codes)
    for digit in served.phone.codes[0].code:
        await key(digit)
    call = served.service.registry.calls["call-1"]
    await until(lambda: call.decisions.decided[asked["action_id"]].state == "allowed")
    return asked


async def recorded(served: Served, call_id: str, reason: str) -> list[dict[str, Any]]:
    """The whole record of a call that ended for this reason, once nothing of it is live; the audit finds no fault."""
    await until(lambda: call_id not in served.service.registry.calls)
    store = served.service.store
    records = await store.calls.events(call_id)
    assert ("started", "ended", reason) == (records[0]["kind"], records[-1]["kind"], records[-1]["reason"])
    assert [] == (await store.audit.verify(served.service.keys.verify, now=0.0)).faults
    return records
