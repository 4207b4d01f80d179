"""Requests that the API's own description allows and forbids, on every route of a running service: never a 5xx."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from tests.server.serving import SCOPES, Served, heard, serving, speak, start
from voiceguard.settings import LimitOptions

EXAMPLES = 12
"""Of each route, and of each way to fill its path: some thousand requests in all."""
KNOWN = {"call_id": "call-1", "customer_ref": "customer-1"}
"""Names of what there is."""

pytestmark = [pytest.mark.attack, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str, Any]]:
    """A service with a live call in a thread of its own, a key of every scope, and the application."""
    up, found = threading.Event(), dict[str, Any]()

    async def run() -> None:
        down, loop = asyncio.Event(), asyncio.get_running_loop()
        found.update(stop=lambda: loop.call_soon_threadsafe(down.set))
        limits = LimitOptions(actions_per_minute=100_000)
        async with serving(tmp_path_factory.mktemp("served"), limits=limits) as running, running.stream(
            ping_interval=None  # nobody reads it, so that no pong is seen either
        ) as socket:
            await running.service.store.customers.upsert("customer-1")
            await socket.send(start())
            await speak(socket, 10.0)
            await heard(running, "call-1", 10.0)
            key = await running.service.store.api_keys.create("all", (*SCOPES, "supervise"), by="tests", now=1.0)
            found.update(served=running, key=key)
            up.set()
            await down.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert up.wait(60)
    yield found["served"], found["key"], found["served"].app
    found["stop"]()
    thread.join(60)


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_no_request_is_a_fault_of_ours(mode: str, served: tuple[Served, str, Any]) -> None:
    """Whatever is sent, well formed or not, by somebody with every right: answered, and not with a 5xx."""
    import schemathesis  # here, so that other tests do not wait for it

    running, key, app = served
    faults: set[str] = set()
    statuses: Counter[int] = Counter()

    def send(case: Any) -> None:
        answer = case.call(base_url=running.origin, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        statuses[answer.status_code] += 1
        if answer.status_code >= 500:
            faults.add(f"{case.operation.label}: {answer.status_code} {answer.text[:300]}")

    for found in schemathesis.openapi.from_dict(app.openapi()).get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        names = {parameter.name for parameter in operation.path_parameters}
        ways: list[dict[str, Any]] = [{}]
        if names and names <= KNOWN.keys():
            ways.append({"path_parameters": {name: KNOWN[name] for name in names}})
        for way in ways:
            cases = operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode), **way)
            of_cases: Any = given(cases)
            with suppress(Unsatisfiable):  # a route without parameters takes nothing that is not allowed
                bounded: Any = settings(
                    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                bounded(of_cases(send))()

    assert set() == faults
    assert {200, 404, 422} <= statuses.keys()
    assert statuses.total() > 300
