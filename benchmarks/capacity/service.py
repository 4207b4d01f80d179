"""A server of its own on one core, with a throw-away data folder."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

START_S = 60.0
VOICEGUARD = (sys.executable, "-m", "voiceguard")


@dataclass(frozen=True)
class Running:
    """A server that is ready."""

    pid: int
    port: int
    client: Mapping[str, str] = field(repr=False)
    """Environment of the load test: the key, and the secret of the stream tokens."""


@contextmanager
def server(core: int, calls: int, command: Sequence[str] = VOICEGUARD) -> Iterator[Running]:
    """Serve up to `calls` calls on this core until the context ends; `command` starts the command line."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        common = {
            **os.environ, "OMP_NUM_THREADS": "1", "VOICEGUARD_DATA_DIR": folder,
            "VOICEGUARD_TWILIO__STREAM_SECRET": secrets.token_hex(32), "VOICEGUARD_MAX_CALLS": str(calls + 1),
            "VOICEGUARD_LIMITS__STREAMS_PER_KEY": str(calls + 1),
        }
        scopes = [word for scope in ("stream", "live", "metrics") for word in ("--scope", scope)]
        create = [*VOICEGUARD, "keys", "create", "capacity", *scopes]
        key = subprocess.run(create, env=common, check=True, capture_output=True, text=True).stdout.strip()
        with pinned({core}):
            process = subprocess.Popen([*command, "serve", "--port", str(port)], env=common)
        try:
            _wait_until_ready(port, process)
            yield Running(process.pid, port, {**common, "VOICEGUARD_API_KEY": key})
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


@contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Processes that are started meanwhile run on these cores only, with all their threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("the server did not start")
