"""What workers tell each other, on real servers, and the mirror of another worker's calls."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tests.live.contexts import context
from tests.server.pair import ask, two, until
from tests.services import PostgresServer, RedisServer
from voiceguard.live.cluster import Cluster
from voiceguard.live.feed import CallView, Hub


def test_feed_shows_the_calls_of_every_worker_and_their_end(
    tmp_path: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    async def run() -> list[Any]:
        async with two(tmp_path, postgres_server, redis_server) as (one, other):
            async with one.call("feed-1"):
                await ask(one, "feed-1")
                views = [served.service.live.hub.calls for served in (one, other)]
                await until(lambda: "feed-1" in views[1] and len(views[1]["feed-1"].events) > 0)
                await until(lambda: views[1]["feed-1"].line == views[0]["feed-1"].line)
                mirrored = views[1]["feed-1"]
                shown = [mirrored.customer_ref, mirrored.risk is not None, mirrored.handovers == views[0][
                    "feed-1"].handovers]
            await until(lambda: views[1]["feed-1"].ended is not None)
            return [*shown, views[1]["feed-1"].ended]

    assert ["customer-1", True, True, "stopped"] == asyncio.run(run())


def test_job_of_the_cluster_runs_at_one_worker(
    tmp_path: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    async def run() -> int:
        async with two(tmp_path, postgres_server, redis_server) as (one, other):
            leases = [
                await served.service.store.workers.lease("audit checkpoint", served.service.live.bus.worker, 0.0, 60.0)
                for served in (one, other)
            ]
            return leases.count(True)

    assert asyncio.run(run()) == 1


STEPS = st.lists(st.sampled_from(("start", "risk", "event", "speech", "end", "miss", "hello")), max_size=40)


@given(STEPS)
def test_mirror_is_the_view_after_every_hello_whatever_was_missed(steps: list[str]) -> None:
    """Notices get lost between two hubs; what arrives never shows anything that was not so, and a hello heals all."""
    async def run() -> None:
        here, there = Hub(), Hub()
        own = here.join(is_own=True)
        for number, step in enumerate(steps):
            view = here.calls.get("c")
            if step == "start" and (view is None or view.ended):
                here.start(CallView("c", "customer-1", float(number)))
            elif view is not None and not view.ended:
                if step == "risk":
                    view.add_risk({"at_s": float(number), "score": 1, "state": "ok", "band": "low", "evidence": ()})
                elif step == "event":
                    view.add_event("note", float(number))
                elif step == "speech":
                    view.speech = [*view.speech, (number, number + 0.5)]
                elif step == "end":
                    here.end("c", "stopped")
                here.changed("c")
            if step == "miss":
                own.take(here.calls)
            elif step == "hello" or not all([there.mirror("w", message) for message in own.take(here.calls)]):
                here.restart(own)
                assert all([there.mirror("w", message) for message in own.take(here.calls)])
                assert shown(here) == shown(there)

    asyncio.run(run())


def test_call_of_a_dead_worker_is_shown_as_lost_and_its_handovers_as_abandoned() -> None:
    async def run() -> list[Any]:
        here, there = Hub(), Hub()
        own = here.join(is_own=True)
        here.start(CallView("c", None, 1.0, handovers=[{"action_id": "a", "outcome": None}]))
        for message in own.take(here.calls):
            there.mirror("w", message)
        there.lose_worker("other")
        before = there.calls["c"].ended
        there.lose_worker("w")
        view = there.calls["c"]
        return [before, view.ended, view.handovers[0]["outcome"]]

    assert [None, "lost", "abandoned"] == asyncio.run(run())


def test_call_that_is_live_here_is_not_replaced_by_another_workers_old_view() -> None:
    async def run() -> list[Any]:
        hub = Hub()
        hub.start(CallView("c", None, 5.0))
        old = CallView("c", None, 1.0, ended="moved")
        hub.mirror("w", {"type": "call", "call": old.since(0, 0)})
        hub.mirror("w", {"type": "forget", "call_id": "c"})
        return [hub.calls["c"].started_at, hub.calls["c"].ended]

    assert [5.0, None] == asyncio.run(run())


def test_people_of_another_worker_are_present_for_a_few_seconds() -> None:
    async def run() -> list[Any]:
        here = context()
        cluster = Cluster(here)
        here.hub.join(person="ann")
        cluster.hear("w", {"machine": "m", "people": ["bob"]})
        return [cluster.people(), here.hub.people()]

    assert [{"ann", "bob"}, {"ann"}] == asyncio.run(run())


def shown(hub: Hub) -> list[Any]:
    """What a follower of everything sees."""
    return [{**view.since(0, 0), "speech": [tuple(pair) for pair in view.speech]} for view in hub.calls.values()]


def test_metrics_of_a_machine_are_those_of_all_its_workers(
    tmp_path: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    async def run() -> list[Any]:
        async with two(tmp_path, postgres_server, redis_server) as (one, other):
            workers = {served.service.live.bus.worker for served in (one, other)}
            clusters = [served.service.registry.cluster for served in (one, other)]
            await until(lambda: all(cluster is not None and cluster.neighbours() for cluster in clusters))
            async with one.call("metrics-1"), other.api() as api:
                text = (await api.get("/metrics")).text
            live = {
                sample.labels["worker"]: sample.value for family in text_string_to_metric_families(text)
                for sample in family.samples if sample.name == "voiceguard_calls_live"
            }
            return [set(live) == workers, live[one.service.live.bus.worker], sum(live.values())]

    assert [True, 1.0, 1.0] == asyncio.run(run())
