"""Ways to ask for actions over HTTP, which the server's tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from tests.server.serving import Served, serving

ACTIONS = "/v1/calls/call-1/actions"


def on(folder: Path, use: Callable[[Served, httpx.AsyncClient], Awaitable[Any]], **options: Any) -> Any:
    """What `use` gives on a running service with a client of every scope but `supervise`."""
    async def run() -> Any:
        async with serving(folder, **options) as served, served.api() as api:
            return await use(served, api)

    return asyncio.run(run())


async def ask(api: httpx.AsyncClient, action: str = "account_recovery", **body: Any) -> dict[str, Any]:
    """Ask for an action of call-1."""
    answer = await api.post(ACTIONS, json={"action": action, **body})
    assert answer.status_code == 200, answer.text
    decided: dict[str, Any] = answer.json()
    return decided


async def allowed(served: Served, api: httpx.AsyncClient, action: str = "account_recovery") -> dict[str, Any]:
    """Ask and enter the code that was delivered."""
    asked = await ask(api, action)
    code = served.phone.codes[-1].code
    return dict((await api.post(f"/v1/actions/{asked['action_id']}/otp", json={"code": code})).json())
