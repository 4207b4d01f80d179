"""The load test [contract]: paced clients in processes of their own, and what the server did meanwhile.

Decision lag runs from the moment at which the frame that completed a window was due on the wire, to the moment at which
the live feed brought its risk: the generator's own lateness, queueing, scoring, fusion and the feed are all in it, so a
server that holds the sender up cannot hide it. Where the clients could not keep their own pace, the report says so:
then the figures are the generator's, not the server's.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import numpy as np
import orjson
import psutil
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from voiceguard.analysis.callsets.callset import read_callset
from voiceguard.errors import ConfigurationError
from voiceguard.events import Channel
from voiceguard.settings import Settings
from voiceguard.simulator.connection import Connection, answer, dialled, hang_up, open_call
from voiceguard.simulator.protocols import LINES
from voiceguard.simulator.protocols.platform import FRAME_S, Dialling, Line, frames

CALLS_PER_PROCESS = 50
OVERSHOOT_MS = 20.0
"""A generator that wakes later than one frame at its 99th percentile is the limit itself."""
LATE_S = 0.1
"""A frame that leaves later than this is dropped: the jitter buffer of a line would not have waited for it."""
START_S = 3.0
"""Time for a process to start and for its calls to connect; each further process gets one second more."""
_GOLDEN = (math.sqrt(5) - 1) / 2
_PERCENTILES = {"p50": 50, "p95": 95, "p99": 99, "max": 100}


@dataclass(frozen=True)
class _Plan:
    """What one client process does."""

    origin: str
    protocol: str
    key: str = field(repr=False)
    settings: Settings = field(repr=False)
    calls: Sequence[str]
    first: int
    """Number of the first of these calls among all."""
    audio: Sequence[list[dict[Channel, bytes]]] = field(repr=False)
    seconds: float
    begin: float
    """Of the monotonic clock, which all processes of a machine share."""


@dataclass
class Sent:
    """What one client process did."""

    began: dict[str, float] = field(default_factory=dict)
    """Call id to the monotonic time at which its first frame was due."""
    frames: int = 0
    late: int = 0
    """Frames of these that left too late."""
    ended: int = 0
    """Calls that were streamed to their end, and whose stream the server then closed in order."""
    overshoot_ms: list[float] = field(default_factory=list)
    """How much too late the process woke, fifty times a second."""


def run(
    url: str, *, protocol: str, calls: int, seconds: float, callset: Path, key: str,
    settings: Settings | None = None, allow_outside: bool = False,
) -> dict[str, Any]:
    """Stream `calls` calls for `seconds`, and report. `key` needs the scopes stream, live and metrics;
    `settings` hold the secrets with which the platform proves itself.

    Raises ConfigurationError when the server does not take the key or is not there.
    """
    if calls < 1 or seconds < FRAME_S:
        raise ConfigurationError("a load test needs at least one call and one frame (0.02 s)")
    parts = urlsplit(url)
    origin = f"{'https' if parts.scheme in ('wss', 'https') else 'http'}://{parts.netloc}"
    audio = [frames(call.read()) for call in read_callset(callset, allow_outside=allow_outside)]
    return asyncio.run(_measure(origin, protocol, calls, seconds, audio, key, settings or Settings()))


async def _measure(
    origin: str, protocol: str, calls: int, seconds: float, audio: Sequence[Any], key: str, settings: Settings
) -> dict[str, Any]:
    before = await _counters(origin, key)
    server = _server_process(origin)
    idle_bytes = server.memory_info().rss if server else 0
    seen = _Feed()
    follower = asyncio.create_task(seen.follow(origin, key))
    names = [str(uuid4()) for _ in range(calls)]  # the one form of id that every protocol takes
    groups = [names[start : start + CALLS_PER_PROCESS] for start in range(0, calls, CALLS_PER_PROCESS)]
    begin = time.monotonic() + START_S + len(groups) - 1
    plans = [
        _Plan(origin, protocol, key, settings, group, number * CALLS_PER_PROCESS, audio, seconds, begin)
        for number, group in enumerate(groups)
    ]
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(len(plans), get_context("spawn")) as pool:
        working = [loop.run_in_executor(pool, _generate, plan) for plan in plans]
        await asyncio.sleep(begin - time.monotonic())
        cpu = sum(server.cpu_times()[:2]) if server else 0.0
        await asyncio.sleep(seconds)
        used = sum(server.cpu_times()[:2]) - cpu if server else 0.0
        held_bytes = server.memory_info().rss if server else 0
        sent = await asyncio.gather(*working)
    await asyncio.sleep(0.5)  # the feed's last word
    if follower.done():
        raise ConfigurationError(
            "the live feed broke off, or refused the key: it needs the scope live"
        ) from follower.exception()  # which nobody else looks at: asyncio would print it
    follower.cancel()
    after = await _counters(origin, key)
    counted = {name: after[name] - before[name] for name in after}
    return {"protocol": protocol} | report(sent, seen.risks, counted, calls=calls, seconds=seconds) | {
        "server_cores_used": round(used / seconds, 3) if server else None,
        "server_cpu_percent_per_call": round(100 * used / seconds / calls, 2) if server else None,
        "server_mb_per_call": round((held_bytes - idle_bytes) / calls / 2**20, 2) if server else None,
    }


def report(
    sent: Sequence[Sent], risks: Sequence[tuple[str, float, float]], counted: Mapping[str, float], *,
    calls: int, seconds: float,
) -> dict[str, Any]:
    """The figures. `risks`: call id, media time (s) of the judged window's end, monotonic time (s) of arrival;
    `counted`: what the server's counters `media_faults_ms`, `scored` and `missing` rose by. A frame is dropped that was
    not sent, left too late, or that the server missed.
    """
    began = {call: at for part in sent for call, at in part.began.items()}
    lags = [1000.0 * (at - due_at(began[call], media_s)) for call, media_s, at in risks if call in began]
    overshoot = _percentiles([value for part in sent for value in part.overshoot_ms])["p99"]
    streamed, late = sum(part.frames for part in sent), sum(part.late for part in sent)
    unsent = calls * frames_in(seconds) - streamed
    return {
        "calls_asked": calls, "calls_achieved": sum(part.ended for part in sent), "seconds": seconds,
        "decision_lag_ms": _percentiles(lags), "risk_messages": len(lags),
        "windows_scored": round(counted["scored"]), "windows_missing": round(counted["missing"]),
        "frames_sent": streamed,
        "frames_dropped": unsent + late + round(counted["media_faults_ms"] / (1000.0 * FRAME_S)),
        "generator_late_p99_ms": overshoot,
        "generator_was_the_limit": overshoot is None or overshoot > OVERSHOOT_MS,
    }


def frames_in(seconds: float) -> int:
    """Frames of a call that lasts so long."""
    return round(seconds / FRAME_S)


def due_at(began: float, media_s: float) -> float:
    """When the frame was due that brought the media up to `media_s`, of a call whose first frame was due at `began`."""
    return began + (math.ceil(round(media_s / FRAME_S, 6)) - 1) * FRAME_S


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    return {
        name: round(float(np.percentile(values, share)), 1) if len(values) else None
        for name, share in _PERCENTILES.items()
    }


class _Feed:
    """Risks of all calls as the live feed brings them."""

    def __init__(self) -> None:
        self.risks: list[tuple[str, float, float]] = []
        """As `report` takes them."""

    async def follow(self, origin: str, key: str) -> None:
        url = origin.replace("http", "ws", 1) + "/v1/live"
        async with connect(url, additional_headers=_bearer(key), max_size=None, compression=None) as socket:
            async for text in socket:
                now = time.monotonic()
                message = orjson.loads(text)
                if message["type"] == "call":
                    call = message["call"]
                    self.risks += [(call["call_id"], point[0], now) for point in call["line"] if point[0] > 0]


def _generate(plan: _Plan) -> Sent:
    """In a process of its own."""
    return asyncio.run(_stream_all(plan))


async def _stream_all(plan: _Plan) -> Sent:
    sent = Sent()
    watch = asyncio.create_task(_watch(plan, sent))
    await asyncio.gather(*(
        _stream(plan, call, number, sent) for number, call in enumerate(plan.calls, plan.first)
    ))
    watch.cancel()
    return sent


async def _watch(plan: _Plan, sent: Sent) -> None:
    """Note how late this process wakes while it streams; a send that the server holds up is not in this."""
    await asyncio.sleep(plan.begin - time.monotonic())
    for _ in range(frames_in(plan.seconds)):
        due = time.monotonic() + FRAME_S
        await asyncio.sleep(FRAME_S)
        sent.overshoot_ms.append(1000.0 * (time.monotonic() - due))


async def _stream(plan: _Plan, call: str, number: int, sent: Sent) -> None:
    """One call: its audio over and over, each frame at its time; calls begin spread evenly over one second."""
    line = LINES[plan.protocol](Dialling(plan.origin, call, None, plan.key, plan.settings))
    audio = plan.audio[number % len(plan.audio)]
    shift = (number * 997) % len(audio)
    # A broken call shows as frames that were not sent and as a call that did not end.
    with suppress(OSError, WebSocketException, httpx.HTTPError):
        async with dialled(line, plan.origin) as connection:
            await open_call(line, connection)
            reader = asyncio.create_task(_read(line, connection))
            began = sent.began[call] = plan.begin + number * _GOLDEN % 1.0
            for index in range(frames_in(plan.seconds)):
                due = began + index * FRAME_S
                await asyncio.sleep(due - time.monotonic())
                for message in line.audio(audio[(shift + index) % len(audio)]):
                    await connection.send(message)
                sent.frames += 1
                sent.late += time.monotonic() - due > LATE_S
            await hang_up(line, connection)
            await reader
            sent.ended += 1


async def _read(line: Line, connection: Connection) -> None:
    async for frame in connection:
        await answer(line, connection, frame)


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


def as_text(figures: Mapping[str, Any]) -> str:
    """The report for people."""
    lag = figures["decision_lag_ms"]
    lines = [
        f"calls            {figures['calls_achieved']} of {figures['calls_asked']} for {figures['seconds']:g} s "
        f"({figures['protocol']})",
        f"decision lag     p50 {lag['p50']} ms, p95 {lag['p95']} ms, p99 {lag['p99']} ms, max {lag['max']} ms "
        f"over {figures['risk_messages']} risk messages",
        f"frames           {figures['frames_sent']} sent, {figures['frames_dropped']} dropped",
        f"windows          {figures['windows_scored']} scored, {figures['windows_missing']} missing",
        f"server           {figures['server_cores_used']} cores; per call {figures['server_cpu_percent_per_call']} % "
        f"of a core and {figures['server_mb_per_call']} MB",
        f"generator        woke within {figures['generator_late_p99_ms']} ms of its time in 99 of 100 cases",
    ]
    if figures["generator_was_the_limit"]:
        lines.append("THE GENERATOR WAS THE LIMIT: these figures are not the server's")
    return "\n".join(lines)
