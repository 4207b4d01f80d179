"""The inventory: who used which route, with which fields, and what there is not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.store.helpers import on as on_store
from tests.cli.commands import run
from tests.server.access.test_authenticate import on
from tests.server.desk import browser, session_token
from tests.server.serving import Served, serving
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.uses import MOST_UNDECLARED, Use
from voiceguard.server.access.rules import ROUTES
from voiceguard.server.inventory import inventory, names_in, without_names
from voiceguard.server.uses import MOST_ROWS, Counted


async def _inventory(served: Served) -> Any:
    async with served.api() as api:
        answer = await api.get("/v1/inventory")
    assert 200 == answer.status_code, answer.text
    return answer.json()


def test_inventory_has_every_route_and_who_used_it_with_which_fields(tmp_path: Path) -> None:
    """A key by its name, people as people; a route that nobody used is unused since counting began."""
    async def use(served: Served) -> Any:
        reader = await served.service.store.api_keys.create("reader", ("calls",), by="test", now=1.0)
        token = await session_token(served, "ann", ("auditor",))
        async with served.api(reader) as api, browser(served, token) as page:
            for _ in range(3):
                await api.get("/v1/policy")
            await page.get("/v1/calls")
        return await _inventory(served)

    found = on(tmp_path, use)
    routes = {route["route"]: route for route in found["routes"]}
    assert {f"{method} {path}" for method, path in ROUTES} == set(routes)
    (user,) = routes["GET /v1/policy"]["users"]
    assert ("reader", 3) == (user["key"], user["calls"])
    assert {"version", "sha256", "tiers"} <= set(user["fields"])
    assert ["people"] == [user["key"] for user in routes["GET /v1/calls"]["users"]]
    unused = routes["POST /v1/grants/redeem"]
    assert (0, None, found["counted_since"]) == (unused["calls"], unused["last_used_at"], unused["unused_since"])


def test_inventory_call_to_a_route_that_is_not_there_is_counted_by_key(tmp_path: Path) -> None:
    """Without what may be a name; strangers, and refused requests, are not counted."""
    async def use(served: Served) -> Any:
        async with served.api() as api, browser(served) as stranger:
            for ref in ("c-17", "c-18"):
                assert 404 == (await api.get(f"/v1/accounts/{ref}/balance")).status_code
            await stranger.get("/v1/accounts/c-19")
            await stranger.get("/v1/calls")
        return await _inventory(served)

    found = on(tmp_path, use)
    (undeclared,) = found["undeclared"]
    assert ("GET /v1/accounts/{}/balance", 2) == (undeclared["route"], undeclared["calls"])
    assert [] == next(route["users"] for route in found["routes"] if route["route"] == "GET /v1/calls")


def test_inventory_outlives_the_service_and_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted is written when the service stops."""
    async def use() -> None:
        async with serving(tmp_path) as served, served.api() as api:
            await api.get("/v1/policy")

    asyncio.run(use())
    monkeypatch.setenv("VOICEGUARD_DATA_DIR", str(tmp_path))

    assert 0 == run("inventory", "--json")
    routes = {route["route"]: route["calls"] for route in json.loads(capsys.readouterr().out)["routes"]}
    assert 1 == routes["GET /v1/policy"]
    assert 0 == run("inventory")
    assert "GET /v1/policy" in capsys.readouterr().out


def test_uses_undeclared_rows_are_bounded(tmp_path: Path) -> None:
    """A key that tries paths fills no disk."""
    async def use(store: Store) -> Any:
        for begin in (0, 1):
            await store.uses.add(
                Use(f"GET /{begin}/{number}", "key", False, 1, 1.0, 1.0, frozenset()) for number in range(700)
            )
        return await store.uses.list()

    rows = on_store(tmp_path / "v.db", use)
    assert MOST_UNDECLARED + 1 == len(rows)
    assert 1400 == sum(row["calls"] for row in rows)


def test_counted_pairs_are_bounded() -> None:
    """Further pairs are not counted; known ones still are."""
    counted = Counted()
    for number in range(MOST_ROWS + 5):
        counted.note(f"GET /{number}", "key", 1.0, is_declared=False)
    counted.note("GET /0", "key", 2.0, is_declared=False)

    uses = counted.taken()
    assert (MOST_ROWS, 2) == (len(uses), uses[0].calls)
    assert [] == counted.taken()


def test_inventory_of_a_tenant_shows_its_own_keys_alone() -> None:
    """Names of other tenants' keys are not its business."""
    rows: list[dict[str, Any]] = [
        {"route": "GET /v1/calls", "who": who, "is_declared": True, "calls": 1, "first_at": 1.0, "last_at": 2.0,
         "fields": []} for who in ("mine", "theirs")
    ]

    shown = next(route for route in inventory(rows, {"mine"})["routes"] if route["route"] == "GET /v1/calls")
    assert ["mine"] == [user["key"] for user in shown["users"]]


def test_names_in_keys_that_are_data_are_left_out() -> None:
    """Only names that the data-flow map declares for answers."""
    assert ["call_id", "evidence"] == list(names_in({"call_id": "a", "4111": 1, "evidence": [{"secret-7": 1}]}))


@given(st.text(max_size=80))
def test_without_names_any_path_is_short_and_has_no_digits_but_versions(path: str) -> None:
    """What may be a reference is not kept."""
    for part in without_names(path)[1:].split("/"):
        assert part in ("{}", "openapi.json") or part.replace("_", "").replace("-", "").isalpha() or (
            len(part) == 2 and part[0] == "v")
