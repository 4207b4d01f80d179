"""Machines' keys in the store, on real SQLite files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.adapters.store.helpers import on
from voiceguard.adapters.store import Store, StoreError
from voiceguard.adapters.store.api_keys import KeyTerms


def using(folder: Path, use: Any) -> Any:
    return on(folder / "v.db", use)


def test_a_key_is_seen_once_and_hashed(tmp_path: Path) -> None:
    """Its holder is known by it until it is revoked; the disk holds its hash alone."""
    async def use(store: Store) -> Any:
        keys = store.api_keys
        secret = await keys.create("desk", ["live", "handover"], by="test", now=1.0)
        with pytest.raises(StoreError):
            await keys.create("desk", ["metrics"], by="test", now=1.0)
        held = await keys.check(secret, 2.0), await keys.check(secret + "x", 2.0)
        revoked = await keys.revoke("desk", by="test", now=3.0), await keys.revoke("desk", by="test", now=3.0)
        return secret, held, revoked, await keys.check(secret, 4.0), await store.calls.events("~people")

    secret, held, revoked, after, records = using(tmp_path, use)
    assert ("desk", frozenset({"handover", "live"}), KeyTerms()) == (held[0].name, held[0].scopes, held[0].terms)
    assert held[1] is None
    assert ((True, False), None) == (revoked, after)
    assert secret.startswith("vg_") and len(secret) == 46
    assert all(secret.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    assert ["started", "key_created", "key_revoked"] == [record["kind"] for record in records]


def test_rotation_has_a_time_of_grace(tmp_path: Path) -> None:
    """The old secret opens until it is over, the one before not at all, the new one always."""
    async def use(store: Store) -> Any:
        keys = store.api_keys
        oldest = await keys.create("desk", ["live"], by="test", now=0.0)
        old = await keys.rotate("desk", grace_s=100.0, by="test", now=1.0)
        new = await keys.rotate("desk", grace_s=100.0, by="test", now=2.0)
        assert await keys.rotate("nobody", grace_s=1.0, by="test", now=2.0) is None
        return [
            [await keys.check(str(secret), now) is not None for secret in (oldest, old, new)] for now in (50.0, 102.0)
        ]

    assert [[False, True, True], [False, False, True]] == using(tmp_path, use)


def test_last_use_to_the_minute(tmp_path: Path) -> None:
    """A write at every request would cost more than the request."""
    async def use(store: Store) -> Any:
        keys = store.api_keys
        secret = await keys.create("desk", ["live"], by="test", now=0.0)
        seen = [(await keys.list())[0]["last_used_at"]]
        for now in (10.0, 60.0, 70.0):
            await keys.check(secret, now)
            seen.append((await keys.list())[0]["last_used_at"])
        return seen, (await keys.list())[0]

    seen, listed = using(tmp_path, use)
    assert [None, 10.0, 10.0, 70.0] == seen
    assert {
        "name": "desk", "scopes": ["live"], "created_at": 0.0, "last_used_at": 70.0, "old_until": None,
        "tenant": "default", "kind": "machine", "owner": None, "actions": None, "fields": None, "expires_at": None,
    } == listed


def test_who_cannot_be_noted_still_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls come in even while the store takes no writes."""
    async def use(store: Store) -> Any:
        secret = await store.api_keys.create("desk", ["live"], by="tests", now=1.0)
        keys = store.api_keys

        def refuse(doing: str) -> Any:
            raise StoreError(doing)

        monkeypatch.setattr(store.database, "write", refuse)
        return await keys.check(secret, 1.0)

    assert "desk" == using(tmp_path, use).name


def test_check_expired_key_opens_nothing(tmp_path: Path) -> None:
    """From the second of its end on, by the secret before a rotation too; the list and the record tell when."""
    async def use(store: Store) -> Any:
        keys = store.api_keys
        first = await keys.create("desk", ["live"], by="test", now=1.0, terms=KeyTerms(expires_at=100.0))
        second = await keys.rotate("desk", grace_s=1000.0, by="test", now=2.0)
        assert second is not None
        good = [await keys.check(secret, 99.9) for secret in (first, second)]
        ended = [await keys.check(secret, 100.0) for secret in (first, second)]
        held = await keys.holders([one.digest for one in good if one is not None], 100.0)
        listed, (_, created, _) = await keys.list(), await store.calls.events("~people")
        return good, ended, held, listed[0]["expires_at"], created["expires_at"]

    good, ended, held, listed, created = using(tmp_path, use)
    assert [100.0, 100.0] == [one.terms.expires_at for one in good]
    assert ([None, None], {}, 100.0, 100.0) == (ended, held, listed, created)
