"""The load test [contract]: paced clients in processes of their own, and what the server did meanwhile.

Decision lag runs from the moment when the frame that completed a window was due on the wire, to the moment when the
live feed brought its risk: queueing, scoring, fusion and the feed itself included. Where the clients could not keep
their own pace, the report says so: then the figures are the generator's, not the server's.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import orjson
import psutil
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from voiceguard.analysis.callset import read_callset
from voiceguard.clients.lines import FRAME_S, Line, NativeLine, TwilioLine, frames
from voiceguard.errors import ConfigurationError
from voiceguard.events import Channel
from voiceguard.ingest.twilio import make_stream_token

CALLS_PER_PROCESS = 50
LATE_MS = 20.0
"""A generator whose 99th percentile of lateness is over one frame is the limit itself."""
START_S = 2.0
"""Between the first word to the clients and the first frame."""


@dataclass(frozen=True)
class _Plan:
    """What one client process does."""

    origin: str
    protocol: str
    key: str = field(repr=False)
    tokens: Mapping[str, str] = field(repr=False)
    """Call id to stream token."""
    audio: Sequence[list[dict[Channel, bytes]]] = field(repr=False)
    seconds: float
    begin: float
    """Of the monotonic clock, which all processes of a machine share."""


@dataclass
class _Sent:
    began: dict[str, float] = field(default_factory=dict)
    """Call id to the monotonic time at which its first frame was due."""
    late_ms: list[float] = field(default_factory=list)
    frames: int = 0
    broken: int = 0


def run(
    url: str, *, protocol: str, calls: int, seconds: float, callset: Path, key: str, twilio_secret: str = ""
) -> dict[str, Any]:
    """Stream `calls` calls for `seconds`, and report. `key` needs the scopes stream, live and metrics.

    Raises ConfigurationError when the server does not take the key or is not there.
    """
    parts = urlsplit(url)
    origin = f"{'https' if parts.scheme in ('wss', 'https') else 'http'}://{parts.netloc}"
    return asyncio.run(_measure(origin, protocol, calls, seconds, callset, key, twilio_secret))


async def _measure(
    origin: str, protocol: str, calls: int, seconds: float, callset: Path, key: str, twilio_secret: str
) -> dict[str, Any]:
    audio = [frames({role: samples for role, samples in call.read().items()}) for call in read_callset(callset)]
    run_id = secrets.token_hex(4)
    ids = [f"load-{run_id}-{number}" for number in range(calls)]
    before = await _counters(origin, key)
    server = _server_process(origin)
    seen = _Feed()
    follower = asyncio.create_task(seen.follow(origin, key))
    await asyncio.sleep(0.2)
    if follower.done():
        raise ConfigurationError("the live feed refused the key: it needs the scope live")
    begin = time.monotonic() + START_S
    groups = [ids[start : start + CALLS_PER_PROCESS] for start in range(0, calls, CALLS_PER_PROCESS)]
    expires = int(time.time() + 3600)
    plans = [
        _Plan(
            origin, protocol, key,
            {call: make_stream_token(call, expires, secrets.token_hex(16), twilio_secret or "-") for call in group},
            audio, seconds, begin,
        ) for group in groups
    ]
    idle_bytes = server.memory_info().rss if server else 0
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(len(plans)) as pool:
        working = [loop.run_in_executor(pool, _generate, plan) for plan in plans]
        await asyncio.sleep(max(0.0, begin - time.monotonic()))
        cpu = sum(server.cpu_times()[:2]) if server else 0.0
        await asyncio.sleep(seconds)
        used = sum(server.cpu_times()[:2]) - cpu if server else 0.0
        held_bytes = server.memory_info().rss if server else 0
        sent = await asyncio.gather(*working)
    await asyncio.sleep(1.0)
    follower.cancel()
    after = await _counters(origin, key)
    return _report(sent, seen, calls, seconds, {
        name: after.get(name, 0.0) - before.get(name, 0.0) for name in after
    }) | {
        "protocol": protocol,
        "server_cores_used": round(used / seconds, 3) if server else None,
        "server_mb_per_call": round((held_bytes - idle_bytes) / calls / 2**20, 3) if server else None,
    }


def _report(
    sent: Sequence[_Sent], seen: _Feed, calls: int, seconds: float, counted: Mapping[str, float]
) -> dict[str, Any]:
    began = {call: at for part in sent for call, at in part.began.items()}
    lags = np.array([
        1000.0 * (at - began[call] - np.ceil(round(media_s / FRAME_S, 6)) * FRAME_S)
        for call, media_s, at in seen.risks if call in began
    ] or [np.nan])
    late = np.array([value for part in sent for value in part.late_ms] or [np.nan])
    lateness = float(np.percentile(late, 99))
    percentiles = {name: round(float(np.percentile(lags, share)), 1) for name, share in _PERCENTILES.items()}
    return {
        "calls_asked": calls, "calls_achieved": len(began) - sum(part.broken for part in sent), "seconds": seconds,
        "frames_sent": sum(part.frames for part in sent),
        "frames_dropped": round(counted.get("media_faults_ms", 0.0) / (1000.0 * FRAME_S)),
        "windows_scored": round(counted.get("scored", 0.0)), "windows_missing": round(counted.get("missing", 0.0)),
        "risk_messages": len(seen.risks), "decision_lag_ms": percentiles,
        "generator_late_p99_ms": round(lateness, 1), "generator_was_the_limit": bool(lateness > LATE_MS),
    }


_PERCENTILES = {"p50": 50, "p95": 95, "p99": 99, "max": 100}


class _Feed:
    """Risks of all calls as the live feed brings them."""

    def __init__(self) -> None:
        self.risks: list[tuple[str, float, float]] = []
        """Call id, media time of the last judged window's end, monotonic time of arrival."""

    async def follow(self, origin: str, key: str) -> None:
        url = origin.replace("http", "ws", 1) + "/v1/live"
        async with connect(url, additional_headers=_bearer(key), max_size=None, compression=None) as socket:
            async for text in socket:
                now = time.monotonic()
                message = orjson.loads(text)
                if message["type"] == "call":
                    call = message["call"]
                    self.risks += [(call["call_id"], point[0], now) for point in call["line"] if point[0] > 0]


def _generate(plan: _Plan) -> _Sent:
    """In a process of its own."""
    return asyncio.run(_stream_all(plan))


async def _stream_all(plan: _Plan) -> _Sent:
    sent = _Sent()
    await asyncio.gather(*(
        _stream(plan, call, number, sent) for number, call in enumerate(plan.tokens)
    ))
    return sent


async def _stream(plan: _Plan, call: str, number: int, sent: _Sent) -> None:
    """One call: its audio over and over, each frame at its time; calls begin spread over one second."""
    line: Line = TwilioLine(call, None, plan.tokens[call]) if plan.protocol == "twilio" else NativeLine(call, None)
    url = f"{plan.origin.replace('http', 'ws', 1)}/v1/stream/{plan.protocol}"
    audio = plan.audio[number % len(plan.audio)]
    shift = (number * 997) % len(audio)
    try:
        async with connect(url, additional_headers=_bearer(plan.key), compression=None, max_queue=None) as socket:
            for message in line.opening():
                await socket.send(message)
            began = sent.began[call] = plan.begin + (number % 50) / 50.0
            for index in range(int(plan.seconds / FRAME_S)):
                due = began + index * FRAME_S
                await asyncio.sleep(due - time.monotonic())
                for message in line.audio(audio[(shift + index) % len(audio)]):
                    await socket.send(message)
                sent.late_ms.append(1000.0 * (time.monotonic() - due))
                sent.frames += 1
            await socket.send(line.closing())
            with suppress(ConnectionClosed):
                async for _ in socket:
                    pass
    except (OSError, ConnectionClosed):
        sent.broken += 1


async def _counters(origin: str, key: str) -> dict[str, float]:
    """What the server counted so far."""
    try:
        async with httpx.AsyncClient(base_url=origin, headers=_bearer(key)) as api:
            answer = await api.get("/metrics")
    except httpx.HTTPError as error:
        raise ConfigurationError(f"no server answers at {origin}") from error
    if not answer.is_success:
        raise ConfigurationError(f"/metrics answered {answer.status_code}: the key needs the scope metrics")
    counts = {"media_faults_ms": 0.0, "scored": 0.0, "missing": 0.0}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.name == "voiceguard_media_faults_milliseconds_total":
                counts["media_faults_ms"] += sample.value
            elif sample.name == "voiceguard_windows_total":
                counts["scored" if sample.labels["outcome"] == "scored" else "missing"] += sample.value
    return counts


def _server_process(origin: str) -> psutil.Process | None:
    """The process that listens there, when it is on this machine and may be looked at."""
    parts = urlsplit(origin)
    if parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        return None
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.pid
            if listens and connection.laddr and connection.laddr.port == parts.port:
                return psutil.Process(connection.pid)
    return None


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def as_text(report: Mapping[str, Any]) -> str:
    """The report for people."""
    lag = report["decision_lag_ms"]
    lines = [
        f"calls            {report['calls_achieved']} of {report['calls_asked']} for {report['seconds']:g} s "
        f"({report['protocol']})",
        f"decision lag     p50 {lag['p50']} ms, p95 {lag['p95']} ms, p99 {lag['p99']} ms, max {lag['max']} ms "
        f"over {report['risk_messages']} risk messages",
        f"frames           {report['frames_sent']} sent, {report['frames_dropped']} dropped",
        f"windows          {report['windows_scored']} scored, {report['windows_missing']} missing",
        f"server           {report['server_cores_used']} cores, {report['server_mb_per_call']} MB per call",
        f"generator        99% of frames within {report['generator_late_p99_ms']} ms of their time",
    ]
    if report["generator_was_the_limit"]:
        lines.append("THE GENERATOR WAS THE LIMIT: these figures are not the server's")
    return "\n".join(lines)


__all__ = ["as_text", "run"]
