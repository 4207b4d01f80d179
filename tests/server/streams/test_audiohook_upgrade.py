"""Who may open an AudioHook websocket: the API key, the signature, its age and its single use."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.server.serving import serving
from tests.server.streams.audiohook_calls import (
    KEY,
    NOW,
    OPTIONS,
    SECRET,
    Clock,
    in_place_of_its_own,
    signed,
    status,
)
from voiceguard.adapters.store import StoreError
from voiceguard.ingest.audiohook_messages import NULL_UUID
from voiceguard.simulator.protocols.audiohook import PATH, request_headers


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """In the place of the endpoint's own."""
    return in_place_of_its_own(monkeypatch)


def test_signed_upgrade_is_taken(tmp_path: Path, clock: Clock) -> None:
    """A signature of now under the key's secret opens the websocket, at once."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            assert 101 == await status(served, signed(served))
            assert [] == clock.waits

    asyncio.run(run())


def test_key_without_secret_is_taken(tmp_path: Path) -> None:
    """An integration without a client secret proves itself by its key alone."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            assert 101 == await status(served, signed(served, key="unsigned-key", secret=b""))

    asyncio.run(run())


@pytest.mark.parametrize("origin", ["https://voice.example", "wss://voice.example:443", "https://VOICE.example/"])
def test_signature_names_the_public_origin(tmp_path: Path, origin: str) -> None:
    """Behind a proxy the client signs the host that it sees, without the scheme's own port."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW, public_origin=origin) as served:
            assert 101 == await status(served, request_headers("voice.example", KEY, SECRET, created=int(NOW)))
            assert 401 == await status(served, signed(served))

    asyncio.run(run())


@pytest.mark.parametrize(("change", "expected"), [
    ({"X-API-KEY": "unknown-key"}, 401), ({"X-API-KEY": ""}, 401), ({"Signature": "sig1=:bm8=:"}, 401),
    ({"Audiohook-Session-Id": NULL_UUID}, 401), ({"Signature-Input": ""}, 401),
])
def test_changed_request_is_refused(
    tmp_path: Path, clock: Clock, change: dict[str, str], expected: int
) -> None:
    """Whatever is changed is refused before the upgrade, half a second after it came."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            assert expected == await status(served, signed(served) | change)
            assert [0.49] == clock.waits
            assert [] == await served.service.store.calls.list()

    asyncio.run(run())


def test_other_signatures_are_refused(tmp_path: Path, clock: Clock) -> None:
    """Old, of the future, of another secret, for another path, of a key that need not sign, or none at all."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            for headers in (
                signed(served, created=NOW - 14), signed(served, created=NOW + 4), signed(served, secret=b"a guess"),
                signed(served, key="unknown-key"), signed(served, key="unsigned-key", secret=b"any"),
                signed(served, secret=b""),
            ):
                assert 401 == await status(served, headers)
            assert 401 == await status(served, signed(served), PATH + "?more")
            assert [0.49] * 7 == clock.waits

    asyncio.run(run())


def test_unconfigured_audiohook_is_refused(tmp_path: Path) -> None:
    """Where no key is configured nobody can prove to be Genesys."""

    async def run() -> None:
        async with serving(tmp_path, now=lambda: NOW) as served:
            assert 401 == await status(served, signed(served))
            assert 401 == await status(served, {})

    asyncio.run(run())


def test_replayed_request_is_refused(tmp_path: Path) -> None:
    """A signature opens one websocket; whoever shows it again is refused, though it is still of now."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            headers = signed(served)
            assert (101, 401) == (await status(served, headers), await status(served, headers))

    asyncio.run(run())


def test_nonce_unchecked_is_no_nonce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """While the store cannot say whether a signature was used, it is not taken."""

    async def broken(*_: Any) -> bool:
        raise StoreError("no answer")

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            monkeypatch.setattr(served.service.store.nonces, "use", broken)
            assert (503, [0.49]) == (await status(served, signed(served)), clock.waits)

    asyncio.run(run())


@pytest.mark.parametrize("name", ["Audiohook-Organization-Id", "Audiohook-Session-Id", "Audiohook-Correlation-Id"])
def test_identities_are_needed(tmp_path: Path, name: str) -> None:
    """A request that is not signed still says whose it is and which session it opens."""

    async def run() -> None:
        async with serving(tmp_path, audiohook=OPTIONS, now=lambda: NOW) as served:
            headers = signed(served, key="unsigned-key", secret=b"")
            assert 400 == await status(served, headers | {name: "nobody"})
            del headers[name]
            assert 400 == await status(served, headers)

    asyncio.run(run())
