"""Nonces are used once and forgotten in the end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.adapters.store.helpers import on, rows
from voiceguard.adapters.store import Store


def test_nonce_is_used_once(tmp_path: Path) -> None:
    """Of many uses at once, one is the first."""
    async def use(store: Store) -> Any:
        together = await asyncio.gather(*(store.nonces.use("n", 1e6) for _ in range(4)))
        return sorted(together), await store.nonces.use("other", 1e6), await store.nonces.use("n", 1e6)

    assert on(tmp_path / "v.db", use) == ([False, False, False, True], True, False)


def test_old_nonces_are_forgotten(tmp_path: Path) -> None:
    """A nonce whose token died a week ago takes no room."""
    async def use(store: Store) -> None:
        for expires in (0.0, 86400.0, 8 * 86400.0):
            assert await store.nonces.use(f"n{expires}", expires)

    on(tmp_path / "v.db", use)
    assert rows(tmp_path / "v.db", "SELECT expires FROM nonces ORDER BY 1") == [(86400.0,), (8 * 86400.0,)]
