"""SIGTERM of a real process that drains: its call goes on to its own end, new ones are refused, and then it stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.server.serving import ROOT, SCOPES, said, speak, start
from tests.services import free_port
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store

PATIENCE_S = 120.0
pytestmark = pytest.mark.timeout(400)


async def drained(folder: Path, drain_s: float, *, stops: bool) -> dict[str, Any]:
    """What happens to a call whose process gets SIGTERM; `stops`: the call ends by itself."""
    port = free_port()
    url = f"sqlite+aiosqlite:///{folder / 'voiceguard.db'}"
    async with Store.open(url, cipher=Keys.open(folder).cipher) as store:
        key = await store.api_keys.create("tests", SCOPES, by="tests", now=time.time())
    values = {"DATA_DIR": folder, "PORT": port, "DRAIN_S": drain_s}
    environment = os.environ | {f"VOICEGUARD_{name}": str(value) for name, value in values.items()}
    headers = {"Authorization": f"Bearer {key}"}
    command = [sys.executable, "-m", "voiceguard", "serve"]
    with subprocess.Popen(command, env=environment, cwd=ROOT) as process:  # noqa: ASYNC220 it is waited for below
        try:
            await answers(f"http://127.0.0.1:{port}/readyz", 200)
            url = f"ws://127.0.0.1:{port}/v1/stream/native"
            async with connect(url, additional_headers=headers, compression=None, open_timeout=PATIENCE_S) as socket:
                await socket.send(start("call-1"))
                await said(socket, "started")
                process.send_signal(signal.SIGTERM)
                await answers(f"http://127.0.0.1:{port}/readyz", 503)
                async with connect(url, additional_headers=headers, open_timeout=PATIENCE_S) as late:
                    await late.send(start("call-2"))
                    refused = await said(late, "error")
                await speak(socket, 2.0)
                if stops:
                    await socket.send(json.dumps({"type": "stop"}))
                    await said(socket, "stopped")
                else:
                    await socket.wait_closed()
                code = socket.close_code
            status = await asyncio.to_thread(process.wait, PATIENCE_S)
        finally:
            process.kill()
    async with Store.open(f"sqlite+aiosqlite:///{folder / 'voiceguard.db'}") as store:
        ended = [record["reason"] for record in await store.calls.events("call-1") if record["kind"] == "ended"]
    return {"refused": refused["code"], "status": status, "ended": ended, "code": code}


async def answers(url: str, status: int) -> None:
    """Return when the address answers with this status."""
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(url)).status_code == status:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


def test_call_goes_on_to_its_end_while_the_process_drains(tmp_path: Path) -> None:
    found = asyncio.run(drained(tmp_path, 300.0, stops=True))
    assert ("too_many_calls", ["stopped"]) == (found["refused"], found["ended"])
    assert found["status"] in (0, -signal.SIGTERM)


def test_call_is_cut_when_the_time_to_drain_is_over(tmp_path: Path) -> None:
    found = asyncio.run(drained(tmp_path, 3.0, stops=False))
    assert (["shutdown"], 1012) == (found["ended"], found["code"])
