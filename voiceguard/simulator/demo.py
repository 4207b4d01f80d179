"""The demonstration: a server, and a platform that streams it labelled calls. Right only when every call ends right."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from websockets.asyncio.client import connect

from voiceguard.adapters.models.detectors import load_detectors
from voiceguard.adapters.policy_files import read_policy
from voiceguard.adapters.store.voices import Listing
from voiceguard.analysis.callsets.callset import LabelledCall, Transcript, read_callset, read_watchlist
from voiceguard.analysis.replay.voices import Recorder
from voiceguard.events import CodeToDeliver
from voiceguard.server.app import create_app, server_config
from voiceguard.settings import LimitOptions, Settings, TwilioOptions
from voiceguard.simulator.desk import keep_calling, seat
from voiceguard.simulator.player import Player
from voiceguard.simulator.protocols import LINES
from voiceguard.simulator.protocols.platform import Dialling, Line

Dial = Callable[[], Line]
AT_ONCE = 16
"""Calls times speed that are streamed together: what one ordinary core scores with room to spare."""
SPARK = 20
STAYING = ("04-synthetic-kokoro", "05-synthetic-piper", "01-balance", "10-injected-instruction")
"""Of the shipped samples, those that call again for whoever tries the desk."""
_BLOCKS = " ▁▂▃▄▅▆▇█"


@dataclass
class Phones:
    """Where one-time codes arrive: the customers' telephones. Codes are never printed."""

    say: Callable[[str], None]
    _codes: dict[str, asyncio.Queue[str]] = field(default_factory=dict)

    async def deliver(self, code: CodeToDeliver) -> None:
        """Keep the code for the customer."""
        self.say(f"{'':24} a code for {code.action} is sent to {code.customer_ref}")
        self._of(code.customer_ref).put_nowait(code.code)

    async def wait(self, customer_ref: str) -> str:
        """The next code that this customer gets."""
        return await self._of(customer_ref).get()

    def _of(self, customer_ref: str) -> asyncio.Queue[str]:
        return self._codes.setdefault(customer_ref, asyncio.Queue())


@dataclass
class Watched:
    """What the live feed said of one call."""

    risk: dict[str, Any] | None = None
    first_decision_s: float | None = None
    line: list[int | None] = field(default_factory=list)
    shown: tuple[str, str] | None = None
    events: int = 0


class Watcher:
    """Follows `WS /v1/live` as the agents' page does, and prints what changes."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.calls: dict[str, Watched] = {}
        self._say = say

    async def follow(self, origin: str, key: str) -> None:
        """Read for ever."""
        url, headers = origin.replace("http", "ws", 1) + "/v1/live", {"Authorization": f"Bearer {key}"}
        async with connect(url, additional_headers=headers, max_size=None) as socket:
            async for text in socket:
                message = orjson.loads(text)
                for call in message.get("calls", [message["call"]] if "call" in message else []):
                    self._see(call)

    def _see(self, call: dict[str, Any]) -> None:
        seen = self.calls.setdefault(call["call_id"], Watched())
        seen.line += [point[1] for point in call["line"]]
        risk = call["risk"]
        if risk is not None:
            seen.risk = risk
            if seen.first_decision_s is None and risk["score"] is not None:
                seen.first_decision_s = risk["net_speech_s"]
            shown = risk["band"], risk["state"]
            if shown != seen.shown:
                seen.shown = shown
                self._say(f"{call['call_id']:24} {risk['at_s']:5.1f} s  {_risk_words(risk)}")
        for event in call["events"]:
            self._event(call["call_id"], event)

    def _event(self, call_id: str, event: dict[str, Any]) -> None:
        head = f"{call_id:24} {event['at_s']:5.1f} s  "
        if event["kind"] == "decision":
            reasons = ", ".join(reason["code"] for reason in event["reasons"])
            self._say(f"{head}{event['action']}: {event['decision'].upper()} ({reasons})")
        elif event["kind"] == "media" and event["media"].startswith("stream_"):
            self._say(f"{head}{_STREAM[event['media']]}")
        elif event["kind"] == "voice_matched":
            self._say(f"{head}the voice is like one of the {event['source']} ({event['llr']:+.1f} nats)")
        elif event["kind"] == "voice_changed":
            self._say(f"{head}another voice since {event['since_s']:.1f} s ({event['llr']:+.1f} nats)")
        elif event["kind"] == "flag":
            self._say(f"{head}the transcript gives orders ({', '.join(event['rules'])}): noted, not obeyed")


_STREAM = {"stream_lost": "the stream broke off", "stream_resumed": "the call goes on over another stream"}


def _risk_words(risk: dict[str, Any]) -> str:
    why = ", ".join(f"{item['source']} {item['contribution']:+.1f}" for item in risk["evidence"])
    number = "--" if risk["score"] is None else f"{risk['score']:2}"
    return f"risk {number} {risk['band']:8} {risk['state']:20} {why}"


@asynccontextmanager
async def listening(app: FastAPI, settings: Settings) -> AsyncIterator[str]:
    """The origin of an application while it listens on `settings.port`, in this event loop."""
    server = uvicorn.Server(server_config(app, settings))
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if task.done():
                await task
                raise OSError("the server did not start")
            await asyncio.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


async def run(
    callset: Path, *, speed: float = 1.0, keep: bool = False, say: Callable[[str], None] = print,
    allow_outside: bool = False,
) -> bool:
    """Stream every call of a set over real websockets; True when each ended in the decisions that it expects.

    Raises ConfigurationError for a wrong call set, AudioFileError for audio that cannot be read.
    """
    calls = read_callset(callset, allow_outside=allow_outside)
    listed = read_watchlist(callset, allow_outside=allow_outside)
    for call in calls:
        call.read()
    secret = secrets.token_urlsafe(32)
    with tempfile.TemporaryDirectory(prefix="voiceguard-demo-") as folder:
        settings = Settings(
            data_dir=Path(folder), port=0, twilio=TwilioOptions(stream_secret=SecretStr(secret)),
            limits=LimitOptions(speed=2.0 * max(1.0, speed)),
        )
        phones = Phones(say)
        detectors = load_detectors(settings)
        app = create_app(settings, deliver=phones.deliver, detectors=detectors)
        async with listening(app, settings) as origin:
            store = app.state.service.store
            key = await store.api_keys.create(
                "platform", ("stream", "actions", "grants"), by="demo", now=time.time()
            )
            page_key = await store.api_keys.create(
                "agent", ("live", "handover", "calls", "receipts"), by="demo", now=time.time()
            )
            for ref in {call.customer_ref for call in calls if call.customer_ref}:
                await store.customers.upsert(ref)
            for fraudster in listed:
                recorder = Recorder(store, settings, read_policy(settings.policy_file), detectors)
                await recorder.put_on_watchlist([fraudster.audio], Listing(fraudster.reason), author="fraud desk")
                await app.state.service.live.voices.refresh(time.time())
                say(f"on the watch list: the voice of {fraudster.reason}")
            say(f"agents' desk: {origin}/console/\n")
            watcher = Watcher(say)
            follower = asyncio.create_task(watcher.follow(origin, page_key))
            refs = {call.call_id: call.customer_ref or "" for call in calls}
            player = Player(origin, key, lambda call_id: phones.wait(refs[call_id]), speed)
            began = time.monotonic()
            dials = [_dial(call, index, origin, key, settings) for index, call in enumerate(calls)]
            decided = await _play_all(player, list(zip(calls, dials, strict=True)))
            await asyncio.sleep(0.3)
            say(f"\n{_HEAD}")
            right = [_report(call, decisions, watcher.calls.get(call.call_id, Watched()), say)
                     for call, decisions in zip(calls, decided, strict=True)]
            say(f"\n{sum(right)} of {len(right)} calls ended in the decisions that their labels demand, "
                f"in {time.monotonic() - began:.0f} s")
            if keep:
                say(f"\nthe agents' desk stays up until Ctrl-C: {origin}/console/\n"
                    "sign in as one of these, and for a payment, which two people have to approve, as both:")
                for name, roles in (("ann", ["agent"]), ("sue", ["supervisor"])):
                    say(await seat(app.state.service, name, roles))
                say("callers stay on the line until somebody decides\n")
                await keep_calling(replace(player, speed=1.0), [call for call in calls if call.call_id in STAYING], say)
            follower.cancel()
    return all(right)


async def _play_all(player: Player, calls: Sequence[tuple[LabelledCall, Dial]]) -> list[list[dict[str, Any]]]:
    room = asyncio.Semaphore(max(1, int(AT_ONCE / player.speed)))

    async def one(call: LabelledCall, dial: Dial) -> list[dict[str, Any]]:
        async with room:
            return await player.play(call, dial)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(call, dial)) for call, dial in calls]
    return [task.result() for task in tasks]


def _dial(call: LabelledCall, index: int, origin: str, key: str, settings: Settings) -> Dial:
    """Every other call comes by Twilio, less those whose transcripts Twilio's streams cannot carry."""
    told = any(isinstance(event, Transcript) for event in call.events)
    protocol = "native" if index % 2 or told else "twilio"
    return lambda: LINES[protocol](Dialling(origin, call.call_id, call.customer_ref, key, settings))


_HEAD = f"{'call':24} {'truth':10} {'risk':>4} {'band':9} {'first':>6}  {'risk over time':{SPARK}} action: decision"


def _report(
    call: LabelledCall, decisions: Sequence[dict[str, Any]], seen: Watched, say: Callable[[str], None]
) -> bool:
    last = {decision["action"]: decision for decision in decisions}
    right = all(action in last and last[action]["decision"] == wanted for action, wanted in call.expect.items())
    words = "; ".join(
        f"{action}: {last[action]['decision'] if action in last else 'nothing'}"
        + (", grant redeemed" if last.get(action, {}).get("redeemed") else "")
        + ("" if action in last and last[action]["decision"] == wanted else f" (WRONG, wanted {wanted})")
        for action, wanted in call.expect.items()
    )
    risk = seen.risk or {"score": None, "band": "unknown"}
    first = "-" if seen.first_decision_s is None else f"{seen.first_decision_s:.1f} s"
    number = "-" if risk["score"] is None else str(risk["score"])
    line = _spark(seen.line)
    say(f"{call.call_id:24} {call.label:10} {number:>4} {risk['band']:9} {first:>6}  {line:{SPARK}} {words}")
    return right


def _spark(line: Sequence[int | None]) -> str:
    """The highest score in each of at most SPARK stretches as a block; a dot where there is no number."""
    width = min(SPARK, len(line))
    stretches = [line[index * len(line) // width : (index + 1) * len(line) // width] for index in range(width)]
    peaks = [max((score for score in stretch if score is not None), default=None) for stretch in stretches]
    return "".join("·" if peak is None else _BLOCKS[min(8, 1 + peak // 13)] for peak in peaks)
