"""The whole service on a real port, for clients that know nothing of its insides.

Models are scripted, so that a test says how a voice sounds: `Voice.llr` is what every window of it scores.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile
from fastapi import FastAPI
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect

from voiceguard.adapters.models.detectors import Detectors
from voiceguard.codecs import g711
from voiceguard.detectors import Calibrations, speaker, synthetic
from voiceguard.errors import VoiceguardError
from voiceguard.events import CodeToDeliver, Samples
from voiceguard.events.tenants import DEFAULT, kept_name
from voiceguard.server.access import rules
from voiceguard.server.app import create_app
from voiceguard.server.context import WebContext
from voiceguard.settings import LimitOptions, Settings
from voiceguard.simulator.demo import listening
from voiceguard.speech import WindowSpec

ROOT = Path(__file__).parents[2]
SPEECH = g711.encode_ulaw(
    np.ascontiguousarray(soundfile.read(ROOT / "samples" / "02-recovery.wav", dtype="float32")[0][:, 0])
)
"""A genuine caller, mu-law at 8 kHz; 10 s of it hold over 6 s of net speech, 20 s over 12 s."""
SECOND = 8000
SCOPES = tuple(scope for scope in rules.SCOPES if scope != "supervise")


@dataclass
class Voice:
    """How the caller sounds to the scripted models."""

    llr: float = -2.0
    """Of each window, nats: above 0.7 the risk goes high."""
    closer_llr: float = -2.0
    """Of each window that the second detector is asked about, when an action demands it."""

    def detectors(self) -> Detectors:
        """In the place of the shipped models."""

        def sounds(windows: Sequence[Samples]) -> NDArray[np.float32]:
            return np.full((len(windows), 1), self.llr, np.float32)

        def sounds_closer(windows: Sequence[Samples]) -> NDArray[np.float32]:
            return np.full((len(windows), 1), max(self.llr, self.closer_llr), np.float32)

        def speaks(windows: Sequence[Samples]) -> NDArray[np.float32]:
            return np.eye(192, dtype=np.float32)[np.zeros(len(windows), int)]

        return Detectors(
            scorers={
                "synthetic_voice": sounds, "speaker_embedding": speaks, "synthetic_voice_verify": sounds_closer,
            },
            specs=(
                WindowSpec("synthetic_voice", 4.0, 1.0, 2.0), WindowSpec("speaker_embedding", 3.0, 1.5, 3.0),
                WindowSpec("synthetic_voice_verify", 4.0, None, 2.0),
            ),
            calibrations=Calibrations(
                synthetic.Calibration(scale=1.0, offset=0.0, limit=2.7),
                speaker.Calibration(10.0, 0.0, -5.0, 1.0, 9.0, 4.0, 9.0),
                synthetic.Calibration(scale=1.0, offset=0.0, limit=2.7),
            ),
            versions=dict.fromkeys(("synthetic", "speaker", "verify"), "scripted@000000000000"),
        )


@dataclass
class Phone:
    """Keeps the one-time codes that were delivered; refuses them while `broken`."""

    broken: bool = False
    codes: list[CodeToDeliver] = field(default_factory=list)

    async def deliver(self, code: CodeToDeliver) -> None:
        """Keep it."""
        if self.broken:
            raise VoiceguardError("no answer")
        self.codes.append(code)


@dataclass
class Served:
    """A running service, its insides, and a way in for each kind of client."""

    service: WebContext
    app: FastAPI
    origin: str
    phone: Phone
    voice: Voice
    key: str
    """An API key with every scope but `supervise`."""

    def api(self, key: str | None = None) -> httpx.AsyncClient:
        """An HTTP client that holds a key."""
        headers = {"Authorization": f"Bearer {key or self.key}"}
        # Loading the system's certificates takes longer than a request, and there is no TLS here.
        return httpx.AsyncClient(base_url=self.origin, headers=headers, verify=False, timeout=60)

    def stream(self, path: str = "/v1/stream/native", key: str | None = None, **options: Any) -> connect:
        """A websocket client that holds a key."""
        headers = {"Authorization": f"Bearer {key or self.key}"} | options.pop("headers", {})
        url = self.origin.replace("http", "ws", 1) + path
        return connect(url, additional_headers=headers, compression=None, **options)

    @asynccontextmanager
    async def call(
        self, call_id: str = "call-1", customer_ref: str | None = "customer-1", seconds: float = 10.0,
        key: str | None = None, tenant: str = DEFAULT, **changes: Any,
    ) -> AsyncIterator[ClientConnection]:
        """A native call in progress, that many seconds old; stopped in the end. Its customer is known. `tenant`: of the
        key that brings it."""
        if customer_ref is not None:
            await self.service.store.customers.upsert(kept_name(tenant, customer_ref))
        async with self.stream(key=key) as socket:
            await socket.send(start(call_id, customer_ref=customer_ref, **changes))
            await said(socket, "started")
            await speak(socket, seconds)
            await heard(self, kept_name(tenant, call_id), seconds)
            yield socket
            await socket.send(json.dumps({"type": "stop"}))
            await said(socket, "stopped")


@asynccontextmanager
async def serving(
    folder: Path, *, voice: Voice | None = None, detectors: Detectors | None = None,
    now: Callable[[], float] | None = None, configured_delivery: bool = False,
    key_name: str = "everybody", **settings: Any,
) -> AsyncIterator[Served]:
    """The service over a data folder, on a free port. `settings`: fields of `Settings`.

    `configured_delivery`: codes go where the settings say, and not to the `Phone`.
    """
    voice, phone = voice or Voice(), Phone()
    # A lost stream ends its call at once, unless a test is about what comes after.
    # Audio comes as fast as it goes, too.
    fast = LimitOptions(speed=10_000.0)
    chosen = Settings(**{"data_dir": folder, "port": 0, "reconnect_s": 0.0, "limits": fast, **settings})
    clock: dict[str, Any] = {} if now is None else {"now": now}
    deliver = None if configured_delivery else phone.deliver
    app = create_app(chosen, detectors=detectors or voice.detectors(), deliver=deliver, **clock)
    async with listening(app, chosen) as origin:
        service: WebContext = app.state.service
        key = await service.store.api_keys.create(key_name, SCOPES, by="tests", now=1.0)
        yield Served(service, app, origin, phone, voice, key)


def start(call_id: str = "call-1", **changes: Any) -> str:
    """A native `start` of one mu-law channel; None leaves a field out."""
    fields: dict[str, Any] = {
        "type": "start", "call_id": call_id, "encoding": "pcmu", "sample_rate": 8000, "channels": ["caller"],
        "customer_ref": "customer-1", "consent": ["voice_analysis"],
    }
    return json.dumps({name: value for name, value in (fields | changes).items() if value is not None})


async def speak(socket: ClientConnection, seconds: float, begin_s: float = 0.0) -> None:
    """Stream that much of the caller's speech as fast as it goes."""
    begin, end = int(begin_s * SECOND), int((begin_s + seconds) * SECOND)
    for at in range(begin, end, 1600):
        await socket.send(SPEECH[at : min(at + 1600, end)])


async def said(socket: ClientConnection, kind: str, **wanted: Any) -> dict[str, Any]:
    """The next message of a type, and with these fields; others are passed over. Raises TimeoutError after 10 s."""
    async with asyncio.timeout(10):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == kind and all(message.get(name) == value for name, value in wanted.items()):
                return message


async def heard(served: Served, call_id: str, seconds: float) -> None:
    """Return when the call's audio up to there is heard and its every window answered. Raises TimeoutError after 10 s.
    """
    async with asyncio.timeout(10):
        while True:
            call = served.service.registry.calls.get(call_id)
            if call is not None and call.core.heard_s >= seconds - 0.02:
                await call.idle()
                return
            await asyncio.sleep(0.005)
