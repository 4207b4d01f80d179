"""Who may ask for what, on a running service."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.routing import Mount, Route, WebSocketRoute
from websockets.exceptions import ConnectionClosed

from tests.server.desk import browser, session_token
from tests.server.serving import Served, Voice, said, serving
from voiceguard.adapters.delivery.otp import WebhookDelivery
from voiceguard.errors import ConfigurationError
from voiceguard.measures import drift
from voiceguard.server.access.rules import PEOPLE, PUBLIC, ROUTES, SCOPES, Role
from voiceguard.server.app import create_app
from voiceguard.server.middleware import HEADERS
from voiceguard.settings import Settings

BODIES: dict[str, Any] = {
    "/v1/calls/{call_id}/actions": {"action": "refund"}, "/v1/actions/{action_id}/otp": {"code": "123456"},
    "/v1/actions/{action_id}/handover": {"verdict": "accept", "reason": "mine"},
    "/v1/grants/redeem": {"grant": "x.y.z"}, "/v1/calls/{call_id}/watchlist": {"reason": "known"},
    "/v1/watchlist/{entry_id}/review": {"days": 30}, "/v1/calls/{call_id}/verdict": {"verdict": "fraud"},
    "/v1/session": {"name": "nobody", "password": "x", "code": "123456"}, "/v1/setup": {"token": "x"},
    "/v1/setup/finish": {"token": "x", "password": "x", "code": "123456"},
}
HTTP = [(method, path, rule) for (method, path), rule in ROUTES.items() if method != "WS"]
OPEN = [(method, path) for method, path, rule in HTTP if rule == PUBLIC]


def on(folder: Path, use: Callable[[Served], Awaitable[Any]], **options: Any) -> Any:
    """What `use` gives on a running service."""
    async def run() -> Any:
        async with serving(folder, **options) as served:
            return await use(served)

    return asyncio.run(run())


async def ask(served: Served, method: str, path: str, key: str | None) -> Any:
    """One request, with or without a key."""
    headers = {"Authorization": f"Bearer {key}" if key else ""}
    async with served.api() as api:
        return await api.request(method, place(path), headers=headers, json=BODIES.get(path), follow_redirects=True)


def place(path: str) -> str:
    """A path with names in it that nothing has."""
    return re.sub(r"\{\w+\}", "nothing", path)


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


def test_strangers_get_nowhere(tmp_path: Path) -> None:
    """Without a key, with an unknown or a revoked one, every guarded route answers 401, as a problem."""
    async def use(served: Served) -> set[tuple[int, str, str]]:
        keys = served.service.store.api_keys
        revoked = await served.service.store.api_keys.create("gone", SCOPES, by="tests", now=1.0)
        await keys.revoke("gone", by="test", now=0.0)
        answers = [
            await ask(served, method, path, key)
            for method, path, rule in HTTP if not rule.is_open for key in (None, "unknown", "a.b.c", revoked)
        ]
        return {(answer.status_code, answer.json()["code"], answer.headers["content-type"]) for answer in answers}

    assert {(401, "unauthenticated", "application/problem+json")} == on(tmp_path, use)


def test_a_key_opens_what_its_scope_says(tmp_path: Path) -> None:
    """Every route with a key of each single scope: past the gate where the table says so, 403 elsewhere."""
    async def use(served: Served) -> dict[tuple[str, str, str], bool]:
        passes = {}
        for scope in SCOPES:
            key = await served.service.store.api_keys.create(scope, [scope], by="tests", now=1.0)
            for method, path, _ in HTTP:
                answer = await ask(served, method, path, key)
                is_problem = answer.headers["content-type"].endswith("problem+json")
                code = answer.json()["code"] if is_problem else ""
                passes[scope, method, path] = code not in ("unauthenticated", "forbidden")
        return passes

    said = {
        (scope, method, path): rule.is_open or rule.scope == scope for scope in SCOPES for method, path, rule in HTTP
    }
    assert said == on(tmp_path, use)


@pytest.mark.parametrize("role", sorted(PEOPLE))
def test_a_person_opens_what_the_role_says(role: Role, tmp_path: Path) -> None:
    """Every route with a session of this one role, and the live feed: past the gate where the table says so."""
    async def use(served: Served) -> Any:
        token = await session_token(served, roles=[role])
        found = {}
        for method, path, rule in HTTP:
            if path == "/v1/session" and method == "DELETE":
                continue  # asked last, for it ends the session
            async with browser(served, token) as page:
                answer = await page.request(method, place(path), json=BODIES.get(path), follow_redirects=True)
            problem = answer.json()["code"] if answer.headers["content-type"].endswith("problem+json") else ""
            found[method, path] = rule.is_open or problem not in ("unauthenticated", "forbidden", "csrf")
        cookie = {"Cookie": f"voiceguard={token}", "Origin": served.origin, "Authorization": ""}
        async with served.stream("/v1/live", headers=cookie) as socket:
            try:
                found["WS", "/v1/live"] = json.loads(await socket.recv())["type"] == "snapshot"
            except ConnectionClosed:
                found["WS", "/v1/live"] = False
        async with browser(served, token) as page:
            found["DELETE", "/v1/session"] = (await page.delete("/v1/session")).status_code == 204
        return found

    asked = {route: rule for route, rule in ROUTES.items() if route[0] != "WS" or route[1] == "/v1/live"}
    assert {route: rule.is_open or role in rule.roles for route, rule in asked.items()} == on(tmp_path, use)


def test_a_session_changes_nothing_from_elsewhere(tmp_path: Path) -> None:
    """The cookie alone, which a browser sends along, is not enough: not from another site's page, nor without the
    page's own token; and another site's page cannot follow the calls."""
    async def use(served: Served) -> Any:
        token = await session_token(served, roles=["analyst"])
        cookie = {"Cookie": f"voiceguard={token}"}
        path, body = "/v1/calls/call-1/verdict", {"verdict": "fraud"}
        codes = []
        spoilt = ({"X-CSRF-Token": ""}, {"X-CSRF-Token": "x"}, {"Origin": "https://evil.example"}, {"Origin": ""})
        for headers in ({}, *spoilt):
            async with browser(served, token) as page:
                codes.append((await page.post(path, json=body, headers=headers)).json()["code"])
        evil = cookie | {"Origin": "https://evil.example", "Authorization": ""}
        async with served.stream("/v1/live", headers=evil) as socket:
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            return codes, socket.close_code

    assert (["unknown_call", "csrf", "csrf", "csrf", "csrf"], 1008) == on(tmp_path, use)


@pytest.mark.parametrize(("method", "path"), OPEN)
def test_open_routes_need_no_key(method: str, path: str, tmp_path: Path) -> None:
    """The page, signing in to it, the health of the service and the keys that verify grants are for everybody."""
    async def use(served: Served) -> int:
        return int((await ask(served, method, path, None)).status_code)

    assert on(tmp_path, use) == {
        "/v1/session": 200 if method == "GET" else 401, "/v1/setup": 404, "/v1/setup/finish": 404,
        "/v1/oidc/start": 404, "/v1/oidc/callback": 404,
    }.get(path, 200)


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
    settings: dict[str, Any], outcome: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service that nobody told how to deliver codes hands over, and prints none."""
    async def run() -> str:
        async with serving(tmp_path, configured_delivery=True, **settings) as served:
            async with served.call() as socket, served.api() as api:
                await api.post("/v1/calls/call-1/actions", json={"action": "refund"})
                told = await said(socket, "decision")
                if settings == {}:
                    told = await said(socket, "decision")
                return str(told["decision"])

    assert outcome == asyncio.run(run())
    assert ("one-time code for customer-1, refund" in capsys.readouterr().out) == (outcome == "step_up")
