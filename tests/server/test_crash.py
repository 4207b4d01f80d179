"""What a crash cut off: ended at the next start, and owned by whom it was owned before."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.server.asking import ask
from tests.server.serving import Served, said, serving, start
from voiceguard.server.access.rules import SCOPES


def crashed(folder: Path, action: str = "account_recovery") -> None:
    """A process that serves a call with an open question, and dies of SIGKILL."""
    async def serve() -> None:
        async with serving(folder) as served, served.api() as api, served.call(seconds=2.0):
            await ask(api, action)
            await served.service.registry.calls["call-1"].idle()
            os.kill(os.getpid(), signal.SIGKILL)

    if (child := os.fork()) == 0:
        try:
            asyncio.run(serve())
        finally:
            os._exit(1)
    assert signal.SIGKILL == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) * -1


def after(folder: Path, use: Any) -> Any:
    """What `use` gives at the next start."""
    async def run() -> Any:
        async with serving(folder, key_name="next") as served:
            return await use(served)

    return asyncio.run(run())


def test_call_that_a_crash_cut_off_is_ended_as_lost(tmp_path: Path) -> None:
    """With its open challenge, in the chain, and the audit finds no fault."""
    crashed(tmp_path)

    async def use(served: Served) -> Any:
        store = served.service.store
        for _ in range(200):
            call = await store.calls.find("call-1")
            if call is not None and call["ended_at"] is not None:
                break
            await asyncio.sleep(0.05)
        return call, (await store.calls.events("call-1"))[-2:], (
            await store.audit.verify(served.service.keys.verify, now=0.0)
        ).faults

    call, records, faults = after(tmp_path, use)
    assert ("lost", ["lapsed"], []) == (call["end_reason"], [each["state"] for each in call["actions"]], faults)
    assert [("decision", "call_lost"), ("ended", None)] == [(each["kind"], each.get("rule")) for each in records]


def test_call_of_another_key_is_refused_after_a_restart(tmp_path: Path) -> None:
    """The record says by which key and protocol it came."""
    crashed(tmp_path)

    async def use(served: Served) -> list[str]:
        other = await served.service.store.api_keys.create("other", SCOPES, by="tests", now=1.0)
        async with served.stream(key=other) as socket:
            await socket.send(start())
            return [(await said(socket, "error"))["code"]]

    assert ["call_exists"] == after(tmp_path, use)


def test_second_service_on_a_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    """It does not start, and says who is in its way."""
    async def run() -> tuple[int | None, str]:
        async with serving(tmp_path):
            second = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "voiceguard", "serve", "--port", "0", stderr=asyncio.subprocess.PIPE,
                env={**os.environ, "VOICEGUARD_DATA_DIR": str(tmp_path)},
            )
            _, said = await second.communicate()
            return second.returncode, said.decode()

    code, text = asyncio.run(run())
    assert (2, 1, True) == (code, text.count("\n"), text.startswith("voiceguard: another process serves"))
