"""Calls announced before they come, on real SQLite files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from tests.adapters.store.helpers import dump, on, rows, url
from voiceguard.adapters.store import Store, StoreError
from voiceguard.adapters.store.registrations import Registered

CIPHER = Fernet(Fernet.generate_key())
CALL = Registered("1700000000.7", "customer-1", frozenset({"voice_analysis"}), {"queue": "billing"})
LIFE_S = 60.0


def using(folder: Path, use: Callable[[Store], Awaitable[Any]], cipher: Fernet = CIPHER) -> Any:
    """What `use` gives on the store of this folder."""
    return on(folder / "v.db", use, cipher)


def test_a_call_is_claimed_once(tmp_path: Path) -> None:
    """Everything that was said of it comes back, and then nothing more."""
    async def use(store: Store) -> Any:
        uuid = await store.registrations.register(CALL, now=100.0, life_s=LIFE_S)
        return [await store.registrations.claim(uuid, 159.9) for _ in range(2)]

    assert [CALL, None] == using(tmp_path, use)


def test_little_has_to_be_said(tmp_path: Path) -> None:
    """A call that nothing is known of but that it will come."""
    async def use(store: Store) -> Any:
        uuid = await store.registrations.register(Registered(), now=100.0, life_s=LIFE_S)
        return await store.registrations.claim(uuid, 100.0)

    assert Registered() == using(tmp_path, use)


def test_unknown_and_late(tmp_path: Path) -> None:
    """A UUID of nobody's, and one that has expired; that one is forgotten with the next registration."""
    async def use(store: Store) -> Any:
        registrations = store.registrations
        uuid = await registrations.register(CALL, now=100.0, life_s=LIFE_S)
        found = await registrations.claim(uuid4(), 100.0), await registrations.claim(uuid, 160.0)
        await registrations.register(CALL, now=160.0, life_s=LIFE_S)
        return found

    assert (None, None) == using(tmp_path, use)
    assert [(220.0,)] == rows(tmp_path / "v.db", "SELECT expires_at FROM registered_calls")


def test_of_several_processes_one_has_the_call(tmp_path: Path) -> None:
    """Stores of their own over one file, all at once: one of them gets it."""
    async def race() -> list[Registered | None]:
        path = url(tmp_path / "v.db")
        async with Store.open(path, CIPHER) as one, Store.open(path, CIPHER) as two, Store.open(path, CIPHER) as three:
            uuid = await one.registrations.register(CALL, now=100.0, life_s=LIFE_S)
            return list(await asyncio.gather(*(
                store.registrations.claim(uuid, 101.0) for store in (one, two, three) for _ in range(3)
            )))

    assert [CALL] == [found for found in asyncio.run(race()) if found is not None]


def test_nothing_readable_lies_on_disk(tmp_path: Path) -> None:
    """Neither the UUID, which is a proof, nor the customer."""
    async def use(store: Store) -> Any:
        return await store.registrations.register(CALL, now=100.0, life_s=LIFE_S)

    uuid = using(tmp_path, use)
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("v.db*"))
    for secret in (uuid.bytes, str(uuid).encode(), uuid.hex.encode(), b"customer-1", b"billing"):
        assert secret not in raw
    assert any("registered_calls" in line for line in dump(tmp_path / "v.db"))


def test_another_key_is_a_fault(tmp_path: Path) -> None:
    """Without the key that sealed it nobody reads it."""
    async def use(store: Store) -> Any:
        return await store.registrations.register(CALL, now=100.0, life_s=LIFE_S)

    uuid = using(tmp_path, use)
    with pytest.raises(StoreError, match="another key"):
        using(tmp_path, lambda store: store.registrations.claim(uuid, 101.0), Fernet(Fernet.generate_key()))
