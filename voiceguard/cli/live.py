"""Commands of the live service: serve, demo, loadtest."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Any

from voiceguard.cli.shared import (
    new_command,
    port,
    positive,
    read_settings,
    take_config,
    take_outside,
    with_store,
    workers,
)
from voiceguard.ingest.platforms import PLATFORMS


def add(commands: Any) -> None:
    """The commands of this module."""
    serve = new_command(commands, "serve", _serve, "run the service")
    take_config(serve)
    serve.add_argument("--host", help="address to listen on")
    serve.add_argument("--port", type=port, help="port to listen on; 0 takes a free one")
    serve.add_argument("--log-level", choices=("debug", "info", "warning", "error"), help="least level of log lines")
    serve.add_argument("--log-format", choices=("auto", "json", "text"), help="auto: text on a terminal, else JSON")
    serve.add_argument("--workers", type=workers, help="processes; several share a PostgreSQL and a Redis")

    demo = new_command(commands, "demo", _demo, "stream the sample calls to a server and check every decision")
    demo.add_argument("--speed", type=positive, default=1.0, help="times real pace")
    demo.add_argument("--keep", action="store_true", help="leave the server up afterwards")
    demo.add_argument("--callset", type=Path, default=Path("samples"), help="folder or file of labelled calls")
    take_outside(demo)

    load = new_command(commands, "loadtest", _loadtest, "stream many paced calls to a server and measure it")
    load.add_argument("--url", required=True, help="ws://host:port")
    load.add_argument("--protocol", choices=PLATFORMS, default="twilio", help="how the calls come in")
    load.add_argument("--calls", type=int, default=50)
    load.add_argument("--seconds", type=positive, default=30.0)
    load.add_argument("--callset", type=Path, default=Path("samples"), help="whose audio is streamed, over and over")
    take_outside(load)
    load.add_argument("--json", action="store_true")
    take_config(load)


def _serve(options: argparse.Namespace) -> bool:
    from voiceguard.adapters import logs
    from voiceguard.adapters.folder_claim import claimed
    from voiceguard.server.workers import serve

    settings = read_settings(
        options, host=options.host, port=options.port, log_level=options.log_level, log_format=options.log_format,
        workers=options.workers,
    )
    asyncio.run(with_store(settings, lambda store: store.calls.list(1)))  # a fault of keys or audit is one line here
    logs.configure(settings.log_level, settings.log_format)
    if settings.redis_url is None:
        with claimed(settings.data_dir):  # told here in one line; the service itself holds it
            pass
    serve(settings)
    return True


def _demo(options: argparse.Namespace) -> bool:
    from voiceguard.simulator.demo import run

    return asyncio.run(run(
        options.callset, speed=options.speed, keep=options.keep, allow_outside=options.allow_outside
    ))


def _loadtest(options: argparse.Namespace) -> bool:
    from voiceguard.simulator.loadtest import as_text, run

    report = run(
        options.url, protocol=options.protocol, calls=options.calls, seconds=options.seconds, callset=options.callset,
        key=os.environ.get("VOICEGUARD_API_KEY", ""), settings=read_settings(options),
        allow_outside=options.allow_outside,
    )
    print(json.dumps(report, indent=2) if options.json else as_text(report))
    return True
