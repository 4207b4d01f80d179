"""PostgreSQL and Redis servers of the tests' own, on sockets and free ports, where the machine has the programs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

OWNER = "postgres"
START_S = 20.0


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's programs; None where this machine has none."""
    found = shutil.which("pg_ctl")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((place for place in reversed(places) if (place / "initdb").exists()), None)


class PostgresServer:
    """A database server, and what tests do to its processes."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.url = self._url("postgres", folder)
        self._folder = folder
        self._programs = programs
        self._made = 0

    def new_database(self) -> str:
        """The URL of an empty database of its own."""
        self._made += 1
        name = f"tests{self._made}"
        run = self._programs / "createdb", "-h", self._folder, "-U", "tests", name
        subprocess.run(run, check=True, capture_output=True)
        return self._url(name, self._folder)

    @staticmethod
    def _url(name: str, folder: Path) -> str:
        return f"postgresql+asyncpg://tests@/{name}?host={folder}"

    def freeze(self) -> None:
        """Stop its processes, as a machine that hangs: connections stay open and nothing answers."""
        for process in self._processes():
            process.suspend()

    def thaw(self) -> None:
        """Let it go on."""
        for process in self._processes():
            process.resume()

    def _processes(self) -> list[psutil.Process]:
        master = psutil.Process(int((self._folder / "db" / "postmaster.pid").read_text().split()[0]))
        return [master, *master.children(recursive=True)]


def absent(program: str) -> NoReturn:
    """Skip a test of a program that this machine lacks; fail it where `make test-services` demands them."""
    if os.environ.get("SERVICES") == "required":
        pytest.fail(f"no {program} on this machine")
    pytest.skip(f"no {program} on this machine")


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A database server of its own, on a socket and no port; skips the test where PostgreSQL is not installed."""
    programs = postgres_programs()
    if programs is None:
        absent("PostgreSQL")
    as_user: dict[str, Any] = {"user": OWNER, "group": OWNER, "extra_groups": []} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="voiceguard-pg-") as folder:
        if as_user:
            shutil.chown(folder, OWNER)

        def run(*command: object) -> None:
            subprocess.run([str(part) for part in command], check=True, capture_output=True, cwd=folder, **as_user)

        run(programs / "initdb", "-D", f"{folder}/db", "-U", "tests", "-A", "trust", "-N")
        control = programs / "pg_ctl", "-D", f"{folder}/db", "-w", "-l", f"{folder}/log"
        run(*control, "-o", f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off", "start")
        try:
            yield PostgresServer(Path(folder), programs)
        finally:
            run(*control, "-m", "immediate", "stop")


class RedisServer:
    """A Redis on a fixed port that tests stop, start, freeze and thaw."""

    def __init__(self, program: str, folder: str) -> None:
        self._command = [program, "--port", str(free_port()), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        self.url = f"redis://127.0.0.1:{self._command[2]}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(self._command[2]))) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("Redis did not start")

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop its process, as a machine that hangs: connections stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def redis() -> Iterator[RedisServer]:
    """A Redis of its own on a free port; skips the test where none is installed."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        absent("Redis")
    with tempfile.TemporaryDirectory(prefix="voiceguard-redis-") as folder:
        server = RedisServer(program, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def free_port() -> int:
    """A TCP port on loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
