"""Live calls with and without strangers at the same port, in one run: ``python -m benchmarks.strangers``.

Strangers hold no key. Side by side they leave connections silent, send heads without end, half bodies, floods of
requests, guesses at passwords and streams with forged keys, and begin anew when they are cut. The figures are dropped
frames and the p95 of the decision lag, and the lag under attack as a multiple of the lag without.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.capacity.service import VOICEGUARD, server

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
BODY = b'{"name": "ann", "password": "no idea", "code": "123456"}'
SIGN_IN = (
    b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    % len(BODY)
)
STREAM = (
    b"GET /v1/stream/native HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer vg_forged"
    b"\r\n\r\n"
)
ATTACKS: dict[str, tuple[bytes, bytes, int]] = {
    "silent": (b"", b"", 0),
    "endless head": (HEAD, b"X-A: a\r\n" * 500, 100_000),
    "half body": (SIGN_IN + BODY[:9], b"", 0),
    "requests": (b"", (HEAD + b"\r\n") * 8, 100_000),
    "guesses": (b"", SIGN_IN + BODY, 100_000),
    "forged streams": (STREAM, b"", 0),
}
"""What a connection sends first, and then again and again so many times."""


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strangers", description=__doc__)
    parser.add_argument("--calls", type=int, default=20, help="live calls; 5 on a small machine")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of every call")
    parser.add_argument("--strangers", type=int, default=10, help="connections at once of each kind of attack")
    options = parser.parse_args()
    with server(min(os.sched_getaffinity(0)), options.calls) as running:
        quiet = _measure(options, running.port, running.client)
        attackers = multiprocessing.get_context("spawn").Process(
            target=_attack, args=(running.port, options.strangers), daemon=True
        )
        attackers.start()
        try:
            besieged = _measure(options, running.port, running.client)
            was_attacked = attackers.is_alive()
        finally:
            attackers.terminate()
            attackers.join()
    print(json.dumps({
        "calls": options.calls, "seconds": options.seconds, "strangers": options.strangers * len(ATTACKS),
        "attackers_lived": was_attacked, "load_of_the_machine": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(), "without": quiet, "with": besieged, "p95_ratio": _ratio(quiet, besieged),
    }, indent=2))


def _measure(options: argparse.Namespace, port: int, client: Any) -> dict[str, Any]:
    command = [
        *VOICEGUARD, "loadtest", "--url", f"ws://127.0.0.1:{port}", "--protocol", "twilio", "--calls",
        str(options.calls), "--seconds", str(options.seconds), "--json",
    ]
    done = subprocess.run(command, env=dict(client), check=True, capture_output=True, text=True, cwd=Path.cwd())
    report = json.loads(done.stdout)
    kept = (
        "calls_achieved", "frames_sent", "frames_dropped", "decision_lag_ms", "windows_scored", "windows_missing",
        "generator_late_p99_ms", "generator_was_the_limit",
    )
    return {name: report[name] for name in kept}


def _ratio(quiet: dict[str, Any], besieged: dict[str, Any]) -> float | None:
    before, after = quiet["decision_lag_ms"]["p95"], besieged["decision_lag_ms"]["p95"]
    return round(after / before, 2) if before and after else None


def _attack(port: int, count: int) -> None:
    """In a process of its own, until it is ended; the load generator comes first where both share a core."""
    os.nice(10)
    asyncio.run(_attack_all(port, count))


async def _attack_all(port: int, count: int) -> None:
    async with asyncio.TaskGroup() as group:
        for first, then, times in ATTACKS.values():
            for _ in range(count):
                group.create_task(_again(port, first, then, times))


async def _again(port: int, first: bytes, then: bytes, times: int) -> None:
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            reading = asyncio.create_task(_swallow(reader))
            try:
                writer.write(first)
                for _ in range(times):
                    writer.write(then)
                    await writer.drain()
                await reading
            finally:
                reading.cancel()
                writer.transport.abort()
        await asyncio.sleep(0.05)


async def _swallow(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(65536):
            pass


if __name__ == "__main__":
    main()
