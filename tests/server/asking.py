"""Ways to ask for actions over HTTP, which the server's tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
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


async def answer(
    served: Served, action_id: str, person: str, verdict: str = "approve", scopes: Iterable[str] = ("handover",)
) -> dict[str, Any]:
    """A person's word, with a key of their own."""
    key = await _key(served, person, scopes)
    async with served.api(key) as api:
        said = await api.post(f"/v1/actions/{action_id}/handover", json={"verdict": verdict, "reason": "I know them."})
    decided: dict[str, Any] = said.json()
    return decided


async def _key(served: Served, person: str, scopes: Iterable[str]) -> str:
    """A key for a person's word, made at the first."""
    keys = served.service.store.api_keys
    if person in [key["name"] for key in await keys.list()]:
        secret = await keys.rotate(person, grace_s=60.0, by="tests", now=1.0)
        assert secret is not None
        return secret
    return await keys.create(person, scopes, by="tests", now=1.0)
