"""An AudioHook client on a real socket: its keys, its signed requests, and its side of a session."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pytest
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.server.serving import SPEECH, Served
from voiceguard.settings import AudioHookKey, AudioHookOptions
from voiceguard.simulator.protocols.audiohook import PATH, AudioHookLine, request_headers
from voiceguard.simulator.protocols.platform import FRAME_SAMPLES

door = import_module("voiceguard.server.streams.audiohook")  # its package holds a function of the same name
NOW = 1_700_000_000.0
KEY, SECRET = "the-api-key", b"the client secret"
OPTIONS = AudioHookOptions(keys=(
    AudioHookKey(SecretStr("another-key"), SecretStr("YW5vdGhlciBzZWNyZXQ=")),
    AudioHookKey(SecretStr(KEY), SecretStr("dGhlIGNsaWVudCBzZWNyZXQ=")),
    AudioHookKey(SecretStr("unsigned-key")),
))


@dataclass
class Clock:
    """A clock that only waiting moves, and each look at it by 0.01 s."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        self.now += 0.01
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(round(seconds, 6))
        self.now += seconds


def authority(served: Served) -> str:
    """host:port, as the client asks for it."""
    return served.origin.partition("://")[2]


def signed(served: Served, *, key: str = KEY, secret: bytes = SECRET, created: float = NOW) -> dict[str, str]:
    """Headers of a request of now."""
    return request_headers(authority(served), key, secret, created=int(created))


def joined(served: Served, headers: Mapping[str, str], path: str = PATH) -> connect:
    """A websocket with these headers and no others of ours."""
    return connect(served.origin.replace("http", "ws", 1) + path, additional_headers=headers, compression=None)


async def status(served: Served, headers: Mapping[str, str], path: str = PATH) -> int:
    """HTTP status of an upgrade."""
    try:
        async with joined(served, headers, path):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


async def opened(socket: ClientConnection, line: AudioHookLine, message: str | bytes | None = None) -> dict[str, Any]:
    """The `opened` that the line's `open`, or another, is answered with."""
    await socket.send(message or line.opening()[0])
    return await said(socket, line, "opened")


async def said(socket: ClientConnection, line: AudioHookLine, kind: str) -> dict[str, Any]:
    """The next message of a type; the line answers whatever comes. Raises TimeoutError after 10 s."""
    async with asyncio.timeout(10):
        while True:
            frame = await socket.recv()
            for reply in line.heard(frame).replies:
                await socket.send(reply)
            message: dict[str, Any] = json.loads(frame)
            if message["type"] == kind:
                return message


async def speak(socket: ClientConnection, line: AudioHookLine, seconds: float, begin_s: float = 0.0) -> None:
    """That much of the caller's speech, as fast as it goes."""
    for at in range(int(begin_s * 8000), int((begin_s + seconds) * 8000), FRAME_SAMPLES):
        for message in line.audio({"caller": SPEECH[at : at + FRAME_SAMPLES]}):
            await socket.send(message)


def in_place_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that the endpoint reads and sleeps by, instead of the machine's."""
    clock = Clock()
    monkeypatch.setattr(door, "_monotonic", clock)
    monkeypatch.setattr(door, "_sleep", clock.sleep)
    return clock
