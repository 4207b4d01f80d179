"""Who may ask for what, on a running service."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.routing import Mount, Route, WebSocketRoute

from tests.server.serving import Served, Voice, said, serving
from voiceguard.adapters.otp_delivery import WebhookDelivery
from voiceguard.detectors import drift
from voiceguard.errors import ConfigurationError
from voiceguard.server.access import PUBLIC, ROUTES
from voiceguard.server.app import HEADERS, _delivery, create_app
from voiceguard.settings import Settings

BODIES: dict[str, Any] = {
    "/v1/calls/{call_id}/actions": {"action": "refund"}, "/v1/actions/{action_id}/otp": {"code": "123456"},
    "/v1/actions/{action_id}/handover": {"verdict": "accept", "reason": "mine"},
    "/v1/grants/redeem": {"grant": "x.y.z"}, "/v1/calls/{call_id}/watchlist": {"reason": "known"},
    "/v1/watchlist/{entry_id}/review": {"days": 30}, "/v1/calls/{call_id}/verdict": {"verdict": "fraud"},
}
HTTP = [(method, path, rule) for (method, path), rule in ROUTES.items() if method != "WS"]
GUARDED = [(method, path) for method, path, rule in HTTP if rule.scope is not None]
OPEN = [(method, path) for method, path, rule in HTTP if rule == PUBLIC]


def on(folder: Path, use: Callable[[Served], Awaitable[Any]], **options: Any) -> Any:
    """What `use` gives on a running service."""
    async def run() -> Any:
        async with serving(folder, **options) as served:
            return await use(served)

    return asyncio.run(run())


async def ask(served: Served, method: str, path: str, key: str | None) -> Any:
    """One request, with or without a key."""
    async with served.api() as api:
        headers = {"Authorization": f"Bearer {key}" if key else ""}
        place = re.sub(r"\{\w+\}", "nothing", path)
        return await api.request(method, place, headers=headers, json=BODIES.get(path), follow_redirects=True)


def listed(routes: Any) -> set[tuple[str, str]]:
    """Method and path of every route, those of included routers too."""
    found = set()
    for route in routes:
        if isinstance(route, WebSocketRoute):
            found.add(("WS", route.path))
        elif isinstance(route, Route):
            found |= {(method, route.path) for method in route.methods or () if method != "HEAD"}
        elif isinstance(route, Mount):
            found.add(("GET", route.path))
        else:
            found |= listed(route.original_router.routes)
    return found


def test_every_route_is_in_the_table(tmp_path: Path) -> None:
    """A route that nobody gave a scope would be refused to everybody; the table names no other."""
    assert set(ROUTES) == listed(create_app(Settings(data_dir=tmp_path)).routes)


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_guarded_routes_want_the_right_key(method: str, path: str, tmp_path: Path) -> None:
    """401 without a key or with an unknown or a revoked one, 403 with one that lacks the scope, as problems."""
    async def use(served: Served) -> list[tuple[int, str, str]]:
        store, scope = served.service.store, str(ROUTES[method, path].scope)
        lacking = await store.create_key("lacking", sorted({"stream", "live", "metrics"} - {scope}))
        revoked = await store.create_key("gone", [scope])
        await store.revoke_key("gone")
        answers = [await ask(served, method, path, key) for key in (None, "unknown", revoked, lacking)]
        return [(answer.status_code, answer.json()["code"], answer.headers["content-type"]) for answer in answers]

    refused = (401, "unauthenticated", "application/problem+json")
    assert [refused] * 3 + [(403, "forbidden", "application/problem+json")] == on(tmp_path, use)


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_the_right_key_opens(method: str, path: str, tmp_path: Path) -> None:
    """With its scope the request is answered for what it asks: nothing here is known, so 404, or an empty list."""
    async def use(served: Served) -> int:
        key = await served.service.store.create_key("right", [str(ROUTES[method, path].scope)])
        return int((await ask(served, method, path, key)).status_code)

    assert on(tmp_path, use) in (200, 404) if path != "/v1/grants/redeem" else (400,)


@pytest.mark.parametrize(("method", "path"), OPEN)
def test_open_routes_need_no_key(method: str, path: str, tmp_path: Path) -> None:
    """The page, the health of the service and the keys that verify grants are for everybody."""
    async def use(served: Served) -> int:
        return int((await ask(served, method, path, None)).status_code)

    assert 200 == on(tmp_path, use)


def test_every_answer_carries_the_security_headers(tmp_path: Path) -> None:
    """On pages, data and errors alike."""
    async def use(served: Served) -> list[Any]:
        asked = (("GET", "/console"), ("GET", "/v1/calls"), ("GET", "/nothing"), ("POST", "/healthz"))
        return [await ask(served, method, path, served.key) for method, path in asked]

    for answer in on(tmp_path, use):
        assert HEADERS.items() <= {name: answer.headers.get(name.lower()) for name in HEADERS}.items()


def test_metrics_name_nobody(tmp_path: Path) -> None:
    """Counts of calls and windows, and no label that holds a call or a customer."""
    async def use(served: Served) -> str:
        async with served.call("call-of-ann", "customer-ann"):
            return str((await ask(served, "GET", "/metrics", served.key)).text)

    text = on(tmp_path, use)
    assert "voiceguard_calls_live 1.0" in text
    assert 'voiceguard_windows_total{outcome="scored",task="synthetic_voice"}' in text
    assert "ann" not in text


def test_metrics_tell_drift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the model's papers say what it knows, how far the input is from that: here, a caller of one score."""
    monkeypatch.setattr(drift, "LEAST_WINDOWS", 1)
    known = {"score": [float(edge) for edge in range(9)], "range_db": [10.0 + edge for edge in range(9)]}

    async def use(served: Served) -> str:
        async with served.call():
            return str((await ask(served, "GET", "/metrics", served.key)).text)

    text = on(tmp_path, use, detectors=replace(Voice().detectors(), reference=known))
    lines = (line.split() for line in text.splitlines() if line.startswith("voiceguard_drift_"))
    index = {name: float(value) for name, value in lines}
    assert {'voiceguard_drift_psi{quantity="score"}', 'voiceguard_drift_psi{quantity="range_db"}'} == index.keys()
    assert index['voiceguard_drift_psi{quantity="score"}'] > 0.25


def test_ready_while_there_is_room(tmp_path: Path) -> None:
    """A service that can take no more calls says so to its load balancer."""
    async def run() -> list[int]:
        async with serving(tmp_path, max_calls=1) as served:
            before = await ask(served, "GET", "/readyz", None)
            async with served.call():
                return [before.status_code, (await ask(served, "GET", "/readyz", None)).status_code]

    assert [200, 503] == asyncio.run(run())


def test_connections_to_the_webhook_end_with_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The delivery of codes is closed with everything else."""
    closed = []

    async def close(self: WebhookDelivery) -> None:
        closed.append(self)

    monkeypatch.setattr(WebhookDelivery, "aclose", close)
    settings = Settings(
        data_dir=tmp_path, otp_webhook_url="http://127.0.0.1:9/codes", otp_webhook_secret=SecretStr("secret")
    )
    app = create_app(settings, detectors=Voice().detectors())

    async def run() -> None:
        async with app.router.lifespan_context(app):
            assert [] == closed

    asyncio.run(run())
    assert 1 == len(closed)


def test_codes_without_a_signature_do_not_start(tmp_path: Path) -> None:
    """A webhook that nobody could check is refused before anything runs."""
    with pytest.raises(ConfigurationError, match="otp_webhook_secret"):
        create_app(Settings(data_dir=tmp_path, otp_webhook_url="https://codes.example.com"))


@pytest.mark.parametrize(("settings", "outcome"), [({}, "handover"), ({"otp_console": True}, "step_up")])
def test_codes_are_printed_only_where_that_is_wanted(
    settings: dict[str, bool], outcome: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service that nobody told how to deliver codes hands over, and prints none."""
    async def run() -> str:
        async with serving(tmp_path, **settings) as served:
            app_settings = served.service.settings
            async with AsyncExitStack() as stack:
                served.service.deliver = _delivery(app_settings, stack)
                async with served.call() as socket, served.api() as api:
                    await api.post("/v1/calls/call-1/actions", json={"action": "refund"})
                    told = await said(socket, "decision")
                    if settings == {}:
                        told = await said(socket, "decision")
                    return str(told["decision"])

    assert outcome == asyncio.run(run())
    assert ("one-time code for customer-1, refund" in capsys.readouterr().out) == (outcome == "step_up")
