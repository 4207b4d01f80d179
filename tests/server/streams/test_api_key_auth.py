"""Platforms that hold an API key: every door of theirs, before and at the upgrade."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.server.serving import Served, serving
from voiceguard.adapters.store import StoreError
from voiceguard.adapters.store.api_keys import ApiKeys

SUBPROTOCOL = {"asterisk": "media", "freeswitch": "audio.drachtio.org", "jambonz": "audio.jambonz.org"}
doors = pytest.mark.parametrize("door", SUBPROTOCOL)


def basic(user: str, password: str) -> str:
    """As RFC 7617 has it."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


async def status(served: Served, door: str, authorization: str | None, **options: Any) -> int:
    """HTTP status of an upgrade."""
    url = f"{served.origin.replace('http', 'ws', 1)}/v1/stream/{door}"
    headers = {} if authorization is None else {"Authorization": authorization}
    try:
        async with connect(url, additional_headers=headers, **options):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


@doors
def test_a_key_opens(tmp_path: Path, door: str) -> None:
    """As a bearer token, or as a password beside any user name, a colon in it or not."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            for authorization in (f"Bearer {served.key}", basic("pbx", served.key), basic("", served.key)):
                assert 101 == await status(served, door, authorization)

    asyncio.run(run())


@doors
def test_nothing_else_opens(tmp_path: Path, door: str) -> None:
    """No key, an unknown or a revoked one, one of another scope, or what is none."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            store = served.service.store
            other = await store.api_keys.create("asks", ["actions"], by="tests", now=1.0)
            revoked = await store.api_keys.create("old", ["stream"], by="tests", now=1.0)
            await store.api_keys.revoke("old", by="tests", now=1.0)
            for authorization in (
                None, "", "Bearer", "Bearer nobody", "Basic", "Basic !", "Basic /w==", basic(served.key, ""),
                basic("pbx", "nobody"), basic("pbx", other), basic("pbx", revoked), f"Digest {served.key}",
            ):
                assert 401 == await status(served, door, authorization)
            assert [] == await store.calls.list()

    asyncio.run(run())


@doors
def test_an_unchecked_key_opens_nothing(tmp_path: Path, door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store cannot say whose key it is."""

    async def broken(*_: Any) -> None:
        raise StoreError("no answer")

    async def run() -> None:
        async with serving(tmp_path) as served:
            monkeypatch.setattr(ApiKeys, "check", broken)
            assert 503 == await status(served, door, basic("pbx", served.key))

    asyncio.run(run())


@doors
@pytest.mark.parametrize("offered", [None, ["chat"], ["chat", "own"], ["own"]])
def test_subprotocol(tmp_path: Path, door: str, offered: list[str] | None) -> None:
    """The platform's own is chosen where it is offered, and none otherwise."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            names = [SUBPROTOCOL[door] if name == "own" else name for name in offered or []]
            async with served.stream(
                f"/v1/stream/{door}", subprotocols=[Subprotocol(name) for name in names] or None
            ) as socket:
                assert (SUBPROTOCOL[door] if "own" in (offered or []) else None) == socket.subprotocol

    asyncio.run(run())


@doors
def test_compression_is_declined(tmp_path: Path, door: str) -> None:
    """A client that offers permessage-deflate (RFC 7692), as mod_audio_stream does, speaks uncompressed."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            url = f"{served.origin.replace('http', 'ws', 1)}/v1/stream/{door}"
            headers = {"Authorization": f"Bearer {served.key}"}
            async with connect(url, additional_headers=headers, compression="deflate") as socket:
                assert [] == list(socket.protocol.extensions)

    asyncio.run(run())
