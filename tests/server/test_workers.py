"""`voiceguard serve --workers 2` as processes, with the shipped models, on a PostgreSQL and a Redis of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.server.serving import ROOT, SCOPES, said, speak, start
from tests.services import free_port, postgres, redis
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store

PATIENCE_S = 120.0
pytestmark = pytest.mark.timeout(600)


@dataclass
class Installation:
    """Two workers and their supervisor."""

    origin: str
    key: str
    store: Store
    supervisor: subprocess.Popen[bytes]

    def stream(self) -> connect:
        """A websocket of the native protocol, at whichever worker takes it."""
        headers = {"Authorization": f"Bearer {self.key}"}
        url = f"{self.origin.replace('http', 'ws')}/v1/stream/native"
        return connect(url, additional_headers=headers, compression=None, open_timeout=PATIENCE_S)

    def api(self) -> httpx.AsyncClient:
        """A client, at whichever worker takes each connection."""
        return httpx.AsyncClient(
            base_url=self.origin, headers={"Authorization": f"Bearer {self.key}"}, timeout=PATIENCE_S,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def workers(self) -> list[psutil.Process]:
        """The processes that serve."""
        return [
            child for child in psutil.Process(self.supervisor.pid).children()
            if "resource_tracker" not in " ".join(child.cmdline())
        ]


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The URL of a PostgreSQL that no test has used."""
    with postgres() as database:
        yield database.url


@pytest.fixture(scope="module")
def services() -> Iterator[tuple[str, str]]:
    """The URLs of a PostgreSQL and a Redis."""
    with postgres() as database, redis() as bus:
        yield database.url, bus.url


@asynccontextmanager
async def installed(folder: Path, services: tuple[str, str], **settings: Any) -> AsyncIterator[Installation]:
    """A running installation whose workers both answer."""
    database, bus = services
    port = free_port()
    values = {"data_dir": folder, "port": port, "database_url": database, "redis_url": bus, "workers": 2, **settings}
    environment = os.environ | {f"VOICEGUARD_{name.upper()}": str(value) for name, value in values.items()}
    async with Store.open(database, cipher=Keys.open(folder).cipher) as store:
        key = await store.api_keys.create(f"key-{port}", SCOPES, by="tests", now=time.time())
        command = [sys.executable, "-m", "voiceguard", "serve"]
        with subprocess.Popen(command, env=environment, cwd=ROOT) as supervisor:  # noqa: ASYNC220 it starts, and is waited for at the end
            here = Installation(f"http://127.0.0.1:{port}", key, store, supervisor)
            try:
                await until_ready(here)
                yield here
            finally:
                supervisor.send_signal(signal.SIGTERM)
                supervisor.wait(PATIENCE_S)


async def until_ready(here: Installation) -> None:
    """Return when both workers live and one answers."""
    async with asyncio.timeout(PATIENCE_S), here.api() as api:
        while True:
            try:
                if (await api.get("/readyz")).status_code == 200 and await here.store.workers.count() >= 2:
                    return
            except httpx.TransportError:
                assert here.supervisor.poll() is None
            await asyncio.sleep(0.1)


async def begin(socket: ClientConnection, call_id: str) -> None:
    """Start a call."""
    await socket.send(start(call_id))
    await said(socket, "started")


def test_killed_workers_calls_are_lost_and_go_on_at_the_other(tmp_path: Path, services: tuple[str, str]) -> None:
    """kill -9 of the worker that holds a call at high risk: its chain gets its end, whoever asks is told, the stream
    that comes back starts from the recorded risk, and the supervisor starts another worker."""
    async def run() -> dict[str, Any]:
        async with installed(tmp_path, services) as here:
            await here.store.customers.upsert("customer-1")
            async with here.stream() as socket:
                await begin(socket, "killed-1")
                await speak(socket, 8.0)
                await until_risk(here, "killed-1")
                holder = await here.store.workers.owner("killed-1")
                killed = await kill_holder(here, socket)
                await until_ended(here, "killed-1", "lost")
            async with here.api() as api:
                over = await api.post("/v1/calls/killed-1/actions", json={"action": "account_recovery"})
            async with here.stream() as socket:
                await begin(socket, "killed-1")
                async with here.api() as api:
                    asked = await api.post("/v1/calls/killed-1/actions", json={"action": "account_recovery"})
                again = await here.store.workers.owner("killed-1")
                await socket.send(json.dumps({"type": "stop"}))
                await said(socket, "stopped")
            await until_ready(here)
            return {
                "over": over.json()["code"], "asked": asked.json()["decision"], "moved": again != holder,
                "replaced": killed not in [worker.pid for worker in here.workers()], "workers": len(here.workers()),
                "faults": (await here.store.audit.verify(Keys.open(tmp_path).verify, now=time.time())).faults,
            }

    found = asyncio.run(run())
    assert found.pop("asked") in ("step_up", "handover")
    assert {"over": "call_over", "moved": True, "replaced": True, "workers": 2, "faults": []} == found


async def until_risk(here: Installation, call_id: str) -> None:
    """Return when a risk of the call is on record."""
    async with asyncio.timeout(PATIENCE_S):
        while not any(  # noqa: ASYNC110 another process writes it
            record["kind"] == "risk" for record in await here.store.calls.events(call_id)
        ):
            await asyncio.sleep(0.1)


async def until_ended(here: Installation, call_id: str, reason: str) -> None:
    """Return when the call's chain says so."""
    async with asyncio.timeout(PATIENCE_S):
        while (await here.store.calls.events(call_id))[-1].get("reason") != reason:  # noqa: ASYNC110 likewise
            await asyncio.sleep(0.1)


async def kill_holder(here: Installation, socket: ClientConnection) -> int:
    """Kill the worker that has this connection."""
    local = socket.transport.get_extra_info("sockname")[1]
    for worker in here.workers():
        for connection in worker.net_connections("tcp"):
            if connection.raddr and connection.raddr.port == local:
                worker.kill()
                return worker.pid
    raise AssertionError("no worker has this connection")


def test_several_workers_without_what_they_share_are_refused(tmp_path: Path) -> None:
    environment = os.environ | {"VOICEGUARD_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "voiceguard", "serve", "--workers", "2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, check=False)
    assert 2 == done.returncode
    assert "VOICEGUARD_REDIS_URL" in done.stderr


def test_worker_that_cannot_start_ends_the_supervisor_with_its_reason(
    tmp_path: Path, services: tuple[str, str], empty_database: str
) -> None:
    """A policy that is not there: one line, and no endless restarts."""
    _, bus = services
    environment = os.environ | {
        "VOICEGUARD_DATA_DIR": str(tmp_path), "VOICEGUARD_DATABASE_URL": empty_database, "VOICEGUARD_REDIS_URL": bus,
        "VOICEGUARD_POLICY_FILE": "missing.yaml", "VOICEGUARD_PORT": "0",
    }
    command = [sys.executable, "-m", "voiceguard", "serve", "--workers", "2"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=ROOT, check=False, timeout=PATIENCE_S
    )
    assert "missing.yaml" in done.stderr
    assert "Traceback" not in done.stderr
    assert 0 != done.returncode
