"""Where the server's processor time goes: ``python -m benchmarks.capacity.profile --calls 50``.

The server runs with a meter round every stage: each counts the processor time of its own thread, less that of the
stages inside it. A sampling profiler would stop the process hundreds of times a second, and lag would be its own.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections import defaultdict
from collections.abc import Callable, Generator
from functools import wraps
from pathlib import Path
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from benchmarks.capacity.service import VOICEGUARD, pinned, server
from voiceguard import call, cli
from voiceguard.adapters.models import onnx
from voiceguard.adapters.store.audit import Audit
from voiceguard.adapters.store.calls import Calls
from voiceguard.adapters.store.decisions import Decisions
from voiceguard.adapters.store.nonces import Nonces
from voiceguard.codecs import StreamDecoder
from voiceguard.detectors import speaker, synthetic
from voiceguard.ingest.json_stream import JsonStreamCodec
from voiceguard.live import call as live_call
from voiceguard.server import live_socket
from voiceguard.server.streams import session
from voiceguard.speech import SpeechTrack


def main() -> None:
    """Stream calls to a metered server, and print the share of every stage."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity.profile", description=__doc__)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    core, *others = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "spent.json"
        metered = (sys.executable, "-c", f"from benchmarks.capacity import profile; profile.serve({str(out)!r})")
        with server(core, arguments.calls, metered) as running, pinned(set(others)):
            subprocess.run([
                *VOICEGUARD, "loadtest", "--url", f"ws://127.0.0.1:{running.port}",
                "--calls", str(arguments.calls), "--seconds", str(arguments.seconds),
            ], env=dict(running.client), check=True)
        spent: dict[str, float] = json.loads(out.read_text())
    total = sum(spent.values())
    for stage, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        per_call = 1e6 * seconds / arguments.calls / arguments.seconds
        print(f"{stage:36} {100 * seconds / total:5.1f} %  {per_call:7.0f} us for a second of a call")


class Meters:
    """Processor time of each stage, on the loop's thread and on all others. The clocks start with the first stage."""

    def __init__(self) -> None:
        self.spent: dict[tuple[bool, str], int] = defaultdict(int)
        """(On the loop's thread, stage) to nanoseconds."""
        self._began: tuple[int, int] | None = None
        self._inside = threading.local()

    def on(self, owner: Any, method: str, stage: str | Callable[..., str]) -> None:
        """Replace a function or a coroutine function by a metered one; `stage` may be made from its arguments."""
        inner = getattr(owner, method)
        waits = inspect.iscoroutinefunction(inner)

        @wraps(inner)
        def metered(*args: Any, **named: Any) -> Any:
            name = stage if isinstance(stage, str) else stage(*args)
            if waits:
                return self._drive(inner(*args, **named), name)
            return self._step(name, inner, *args, **named)

        setattr(owner, method, metered)

    @types.coroutine
    def _drive(self, coroutine: Any, stage: str) -> Generator[Any, Any, Any]:
        resume, sent = coroutine.send, None
        while True:
            try:
                waited = self._step(stage, resume, sent)
            except StopIteration as stop:
                return stop.value
            try:
                resume, sent = coroutine.send, (yield waited)
            except BaseException as error:  # a cancellation too belongs to the coroutine
                resume, sent = coroutine.throw, error

    def _step(self, stage: str, work: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if self._began is None:
            self._began = time.process_time_ns(), time.thread_time_ns()
        outside = getattr(self._inside, "spent", 0)
        self._inside.spent = 0
        began = time.thread_time_ns()
        try:
            return work(*args, **named)
        finally:
            took = time.thread_time_ns() - began
            self.spent[threading.current_thread() is threading.main_thread(), stage] += took - self._inside.spent
            self._inside.spent = outside + took

    def seconds(self) -> dict[str, float]:
        """Every stage, and what is left on the loop's thread and on the others. Call it on the loop's thread."""
        assert self._began is not None
        process, loop = time.process_time_ns() - self._began[0], time.thread_time_ns() - self._began[1]
        metered = {place: sum(ns for (on, _), ns in self.spent.items() if on is place) for place in (True, False)}
        rest = {
            "event loop and the rest of its thread": loop - metered[True],
            "store, its threads; workers": process - loop - metered[False],
        }
        return {stage: ns / 1e9 for stage, ns in ({stage: ns for (_, stage), ns in self.spent.items()} | rest).items()}


def serve(out: str) -> None:
    """The command line with the meters in place; in the end, seconds of each stage are written to `out` as JSON."""
    meters = Meters()
    meters.on(WebSocketsSansIOProtocol, "data_received", "websocket frames")
    meters.on(session.Session, "_read", "session, its queue and time-out")
    meters.on(JsonStreamCodec, "receive_text", "JSON, base64, order of frames")
    meters.on(StreamDecoder, "feed", "mu-law to samples")
    meters.on(SpeechTrack, "feed", "voice activity and windows")
    meters.on(call.Call, "receive", "risk, policy and the call itself")
    meters.on(live_call.LiveCall, "receive", "live call")
    meters.on(live_call.LiveCall, "_act", "outcomes: records, views, metrics")
    meters.on(live_call.LiveCall, "_score", "scheduler")
    meters.on(live_socket, "_write", "live feed")
    for part, method in ((Calls, "append"), (Decisions, "record"), (Nonces, "use"), (Audit, "checkpoint")):
        meters.on(part, method, "store, on the loop")
    meters.on(synthetic, "prepare", "features for synthetic_voice")
    meters.on(speaker, "prepare", "features for speaker_embedding")
    meters.on(onnx.Model, "run", lambda model, *_: f"network of {model.card['task']}")
    try:
        cli.main(sys.argv[1:])
    finally:
        Path(out).write_text(json.dumps(meters.seconds()))


if __name__ == "__main__":
    main()
