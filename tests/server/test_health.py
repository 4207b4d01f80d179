"""Readiness: a job that does not run any more, or a store that takes no write, takes the process out of rotation."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.asking import on
from tests.server.desk import browser, session_token
from tests.server.serving import Served
from voiceguard.adapters.store import database
from voiceguard.live.jobs import CLAIMS


def test_late_job_makes_the_process_unready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 names the job; without one the process is ready."""

    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        ready = await api.get("/readyz")
        monkeypatch.setattr(served.service.jobs, "late", lambda: ["time-outs"])
        late = await api.get("/readyz")
        return ready.status_code, late.status_code, late.json()["code"], "time-outs" in late.json()["detail"]

    assert (200, 503, "jobs_late", True) == on(tmp_path, use)


def test_locked_store_makes_the_process_unready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 once a beat could not be written, although reading works; 200 again with the next beat."""
    monkeypatch.setattr(database, "BUSY_MS", 20)

    async def use(served: Served, api: httpx.AsyncClient) -> list[tuple[Any, ...]]:
        found = []

        async def look() -> None:
            answer = await api.get("/readyz")
            found.append((answer.status_code, answer.json().get("code")))

        with closing(sqlite3.connect(tmp_path / "voiceguard.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await served.service.jobs.turn(CLAIMS)
            await look()
            other.execute("ROLLBACK")
        monkeypatch.setattr(served.service.store.database, "_down_until", 0.0)
        await served.service.jobs.turn(CLAIMS)
        await look()
        return found

    assert [(503, "store_unavailable"), (200, None)] == on(tmp_path, use)


def test_strangers_learn_whether_it_is_ready_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls and policy, or the reason, are for keys that read metrics and for admins."""

    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        streamer = await served.service.store.api_keys.create("streamer", ["stream"], by="tests", now=1.0)
        admin, agent = [await session_token(served, role, (role,)) for role in ("admin", "agent")]
        clients = served.api("vg_forged"), served.api(streamer), browser(served, agent), browser(served, admin), api

        async def look() -> list[dict[str, Any]]:
            return [(await client.get("/readyz")).json() for client in clients]

        ready = [sorted(body) for body in await look()]
        monkeypatch.setattr(served.service.jobs, "late", lambda: ["time-outs"])
        unready = [body["code"] for body in await look()]
        for client in clients[:-1]:
            await client.aclose()
        return ready, unready

    told = ["calls", "policy", "status"]
    assert ([["status"]] * 3 + [told] * 2, ["not_ready"] * 3 + ["jobs_late"] * 2) == on(tmp_path, use)
