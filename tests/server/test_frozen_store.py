"""A database that hangs under a running service: nobody waits for it, nothing is allowed, and all goes on after it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.server.asking import allowed, answer, ask, on
from tests.server.serving import ROOT, SCOPES, Served, said, speak, start
from tests.services import free_port, postgres
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store

PATIENCE_S = 60.0
STOP_S = 10.0
"""A supervisor kills soon after."""


async def until_status(api: httpx.AsyncClient, path: str, status: int) -> None:
    """Return when this answers so."""
    async with asyncio.timeout(PATIENCE_S):
        while (await api.get(path)).status_code != status:  # noqa: ASYNC110 what it waits for is in another process
            await asyncio.sleep(0.1)


@pytest.mark.timeout(180)
def test_frozen_postgres_hands_over_and_heals_after_thaw(tmp_path: Path) -> None:
    """The right code on the telephone becomes a handover while the server hangs, keys cannot be checked, and the
    process is not ready; afterwards a person approves, another code allows, and the audit is whole."""
    async def use(served: Served, api: httpx.AsyncClient) -> dict[str, Any]:
        told: dict[str, Any] = {}
        async with served.call() as socket:
            asked = await ask(api)
            await said(socket, "decision", decision="step_up")
            server.freeze()
            try:
                for digit in f"{served.phone.codes[-1].code}#":
                    await socket.send(json.dumps({"type": "dtmf", "digit": digit}))
                frozen = await said(socket, "decision")
                told["frozen"] = frozen["decision"], "grant" in frozen
                told["statuses"] = [
                    (await api.get("/readyz")).status_code,
                    (await api.post("/v1/calls/call-1/actions", json={"action": "refund"})).status_code,
                ]
                await speak(socket, 2.0, begin_s=6.0)
                assert "call-1" in served.service.registry.calls
            finally:
                server.thaw()
            await until_status(api, "/readyz", 200)
            await until_status(api, "/v1/calls", 200)
            await answer(served, asked["action_id"], "ann", "accept")
            told["approved"] = (await answer(served, asked["action_id"], "ann"))["decision"]
            told["anew"] = (await allowed(served, api, "refund"))["decision"]
        told["faults"] = (await served.service.store.audit.verify(served.service.keys.verify, now=0.0)).faults
        return told

    with postgres() as server:
        told = on(tmp_path, use, database_url=server.new_database(), decision_timeout_s=2.0)
    assert {
        "frozen": ("handover", False), "statuses": [503, 503], "approved": "allow", "anew": "allow", "faults": [],
    } == told


@pytest.mark.timeout(180)
def test_stop_with_a_locked_database_ends_in_time_and_the_next_start_ends_the_calls(tmp_path: Path) -> None:
    """SIGTERM to a process whose SQLite another one has locked: it ends by itself before a supervisor would kill it.
    Calls whose end could not be written are ended as lost, and those of an orderly stop as shutdown."""
    async def run() -> dict[str, Any]:
        port, folder = free_port(), tmp_path / "data"
        database = f"sqlite+aiosqlite:///{folder / 'voiceguard.db'}"
        async with Store.open(database, cipher=Keys.open(folder).cipher) as store:
            key = await store.api_keys.create("everybody", SCOPES, by="tests", now=time.time())
        headers = {"Authorization": f"Bearer {key}"}
        environment = os.environ | {"VOICEGUARD_DATA_DIR": str(folder), "VOICEGUARD_PORT": str(port)}
        ended: dict[str, Any] = {}
        for call_id, locks in (("locked", True), ("after", False)):
            with subprocess.Popen([sys.executable, "-m", "voiceguard", "serve"], env=environment, cwd=ROOT) as process:  # noqa: ASYNC220 it is stopped below
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as api:
                    await until_up(api, process)
                url = f"ws://127.0.0.1:{port}/v1/stream/native"
                async with connect(url, additional_headers=headers, compression=None, open_timeout=30) as socket:
                    await socket.send(start(call_id))
                    await said(socket, "started")
                    await until_recorded(database, call_id)
                    with closing(sqlite3.connect(folder / "voiceguard.db", isolation_level=None)) as other:
                        if locks:
                            other.execute("BEGIN IMMEDIATE")
                        process.send_signal(signal.SIGTERM)
                        ended[f"code of {call_id}"] = await asyncio.to_thread(process.wait, STOP_S)
        async with Store.open(database) as store:
            for call_id in ("locked", "after"):
                ended[call_id] = (await store.calls.find(call_id) or {})["end_reason"]
            ended["faults"] = (await store.audit.verify(Keys.open(folder).verify, now=0.0)).faults
        return ended

    assert {
        "code of locked": -signal.SIGTERM, "code of after": -signal.SIGTERM, "locked": "lost", "after": "shutdown",
        "faults": [],
    } == asyncio.run(run())


async def until_recorded(database: str, call_id: str) -> None:
    """Return when the call's start is in the database."""
    async with asyncio.timeout(PATIENCE_S), Store.open(database) as store:
        while await store.calls.find(call_id) is None:  # noqa: ASYNC110 another process writes it
            await asyncio.sleep(0.1)


async def until_up(api: httpx.AsyncClient, process: subprocess.Popen[bytes]) -> None:
    """Return when the service is ready."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                if (await api.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                assert process.poll() is None
            await asyncio.sleep(0.1)
