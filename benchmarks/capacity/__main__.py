"""Raise the number of live calls on one server core until it fails: ``python -m benchmarks.capacity``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.capacity.service import VOICEGUARD, pinned, server

LAG_MS = 300.0
"""The target's p95 of decision lag."""
LIBRARIES = ("onnxruntime", "numpy", "uvicorn", "uvloop", "websockets", "orjson", "sqlalchemy")
COLUMNS = (
    "{calls:>5} {held:>5} {p50:>8} {p95:>8} {p99:>8} {max:>8} {dropped:>8} {missing:>8} {cpu:>6} {mb:>8} {late:>7} "
    "{others:>7}"
)


def main() -> None:
    """Measure, print a row for each number of calls, and write the report to ``--out``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[10, 25, 50, 75, 100, 150], help="numbers to try")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of every call")
    parser.add_argument("--protocol", choices=("twilio", "native"), default="twilio")
    parser.add_argument("--callset", type=Path, default=Path("samples"), help="whose audio is streamed, over and over")
    parser.add_argument("--tries", type=int, default=1, help="runs at most of a number of calls that is not held")
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="the server's")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/capacity.json"))
    arguments = parser.parse_args()
    others = os.sched_getaffinity(0) - {arguments.core}
    if not others:
        raise SystemExit("the load generator needs a core of its own beside the server's")
    result: dict[str, Any] = {"machine": _machine(arguments.core, others), "runs": []}
    print(COLUMNS.format(
        calls="calls", held="held", p50="p50 ms", p95="p95 ms", p99="p99 ms", max="max ms", dropped="dropped",
        missing="missing", cpu="CPU %", mb="MB/call", late="gen ms", others="others",
    ))
    for calls in sorted(arguments.calls):
        for _ in range(arguments.tries):
            figures = _measure(calls, arguments, others)
            result["runs"].append(figures)
            print(_row(figures), flush=True)
            if figures["held"]:
                break
        else:
            break
    result["calls_held"] = max((run["calls_asked"] for run in result["runs"] if run["held"]), default=0)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")


def _measure(calls: int, arguments: argparse.Namespace, others: set[int]) -> dict[str, Any]:
    began, busy, ours = time.monotonic(), _busy_s(), _ours_s()
    with server(arguments.core, calls) as running:
        command = [
            *VOICEGUARD, "loadtest", "--url", f"ws://127.0.0.1:{running.port}", "--protocol", arguments.protocol,
            "--calls", str(calls), "--seconds", str(arguments.seconds), "--callset", str(arguments.callset), "--json",
        ]
        with pinned(others):
            done = subprocess.run(command, env=dict(running.client), check=True, capture_output=True, text=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    elsewhere = (_busy_s() - busy - (_ours_s() - ours)) / (time.monotonic() - began)
    return {"held": held(figures), "cores_used_by_others": round(max(0.0, elsewhere), 2), **figures}


def _busy_s() -> float:
    """Processor seconds that everybody has used on this machine, or that its host kept back."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _ours_s() -> float:
    """Processor seconds of this process and of those that it started and that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def held(figures: dict[str, Any]) -> bool:
    """Whether every call ran to its end, every frame was taken, every window scored and shown, and p95 is in time."""
    p95 = figures["decision_lag_ms"]["p95"]
    return (
        figures["calls_achieved"] == figures["calls_asked"]
        and figures["frames_dropped"] == figures["windows_missing"] == 0
        and figures["risk_messages"] == figures["windows_scored"]
        and not figures["generator_was_the_limit"]
        and p95 is not None and p95 < LAG_MS
    )


def _row(figures: dict[str, Any]) -> str:
    return COLUMNS.format(
        calls=figures["calls_asked"], held="yes" if figures["held"] else "no", **figures["decision_lag_ms"],
        dropped=figures["frames_dropped"], missing=figures["windows_missing"],
        cpu=round(100 * figures["server_cores_used"]), mb=figures["server_mb_per_call"],
        late=figures["generator_late_p99_ms"], others=figures["cores_used_by_others"],
    )


def _machine(core: int, others: set[int]) -> dict[str, Any]:
    models = subprocess.run([*VOICEGUARD, "models", "--json"], check=True, capture_output=True, text=True).stdout
    return {
        "cpu": _cpu(), "server_cores": [core], "generator_cores": sorted(others), "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "models": [f"{card['name']}@{card['sha256'][:12]}" for card in json.loads(models)],
        "commit": _git("rev-parse", "HEAD"), "clean": not _git("status", "--porcelain", "--", "voiceguard", "models"),
    }


def _cpu() -> str:
    """Name, family, model and clock, as far as the system tells them."""
    facts: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        facts[name.strip()] = value.strip()
    return f"{facts['model name']} (family {facts['cpu family']}, model {facts['model']}, {facts['cpu MHz']} MHz)"


def _git(*command: str) -> str:
    return subprocess.run(["git", *command], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
