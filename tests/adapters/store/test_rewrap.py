"""What the key for customers' data encrypted is encrypted anew with the newest key."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.fernet import Fernet, InvalidToken

from tests.adapters.installations import sealed, settings
from tests.adapters.store.helpers import STARTED
from voiceguard.adapters import key_rotation
from voiceguard.adapters.audit_seal import AuditSeal
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.registrations import Registered
from voiceguard.adapters.store.rewrap import ENCRYPTED, rewrap
from voiceguard.adapters.store.voices import Listing, Voices
from voiceguard.errors import ConfigurationError
from voiceguard.events import Voice
from voiceguard.privacy.places import TABLES

NOW = 240.0
VOICE = Voice(np.eye(192, dtype=np.float32)[0], 20.0, 12)


async def everything_encrypted(store: Store) -> None:
    """A value in every column that the cipher of customers' data encrypts."""
    await store.calls.append("call-1", [STARTED | {"metadata": {"line": "7"}}])
    for number in range(3):
        await store.customers.upsert(f"customer-{number}", totp_secret="JBSWY3DP")
    await store.labels.add("call-1", "fraud", author="ann", note="her voice", at=1.0)
    await store.users.add("ann", ["agent"], setup="00", expires=1e9, by="tests", now=1.0)
    await store.users.begin_set_up("00", new_secret="JBSWY3DP", now=1.0)
    await store.webhooks.add("https://example.org/", ["call.ended"], tenant="default", by="ann", now=1.0)
    await store.registrations.register(Registered(customer_ref="customer-1"), now=1.0, life_s=1e9)
    voices = Voices(store.database, "m@1")
    await voices.enrol("customer-1", VOICE, call_id="call-1", author="ann", now=1.0)
    await voices.list_voice(VOICE, Listing("case 12", 100.0, 10.0), call_id="call-1", author="ann", now=1.0)
    await voices.remember_heard("customer-1", VOICE, call_id="call-1", expires=1e9)


def encrypted(folder: Path) -> dict[str, list[bytes]]:
    """Every Fernet token in every table, by table and column."""
    found: dict[str, list[bytes]] = {}
    with closing(sqlite3.connect(folder / "voiceguard.db")) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            cursor = connection.execute(f"SELECT * FROM {table}")
            for row in cursor:
                for column, value in zip(cursor.description, row, strict=True):
                    token = value.encode() if isinstance(value, str) else value
                    if isinstance(token, bytes) and token.startswith(b"gAAAA"):
                        found.setdefault(f"{table}.{column[0]}", []).append(token)
    return found


def opens(key: bytes, token: bytes) -> bool:
    """Whether this key alone decrypts this."""
    try:
        Fernet(key).decrypt(token)
    except InvalidToken:
        return False
    return True


def test_rewrap_leaves_nothing_in_any_table_that_needs_the_old_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every column that was under the old key is under the new one, in batches; then the old key may go."""
    monkeypatch.setattr("voiceguard.adapters.store.rewrap.BATCH", 2)
    options = settings(tmp_path)
    sealed(options, lambda store, _: everything_encrypted(store))
    (old,) = (tmp_path / "customer-data.key").read_bytes().split()
    before = {name for name, tokens in encrypted(tmp_path).items() if opens(old, tokens[0])}
    assert {"customers.totp_secret", "customers.data_key", "watchlist.embedding", "verdicts.note"} < before

    async def use(store: Store, _: AuditSeal) -> Any:
        await key_rotation.rotate_customer_data(tmp_path, store, by="ann", now=NOW)
        await store.customers.upsert("customer-9", totp_secret="JBSWY3DP")  # by a service that has not looked yet
        keys = Keys.open(tmp_path)
        with pytest.raises(ConfigurationError, match="younger"):
            await key_rotation.drop_old_customer_keys(tmp_path, keys, store, by="ann", now=NOW)
        os.utime(tmp_path / "customer-data.key", (0, 0))
        keys.look()
        return await key_rotation.drop_old_customer_keys(tmp_path, keys, store, by="ann", now=NOW), await rewrap(
            store.database, keys.cipher
        )

    done, again = sealed(options, use)
    (new,) = (tmp_path / "customer-data.key").read_bytes().split()
    tokens = encrypted(tmp_path)
    assert before == {name for name, found in tokens.items() if all(opens(new, token) for token in found)}
    assert not any(opens(old, token) for found in tokens.values() for token in found)
    assert (sum(len(tokens[name]) for name in before), 0, 0) == (done.changed, done.unreadable, again.changed)

    async def read(store: Store, _: AuditSeal) -> Any:
        found = await store.customers.find("customer-9")
        assert found is not None and "her voice" == (await store.labels.list())[0]["note"]
        return found.totp_secret, await Voices(store.database, "m@1").voiceprint("customer-1")

    secret, voice = sealed(options, read)
    assert "JBSWY3DP" == secret and np.array_equal(VOICE.embedding, voice.embedding)


def test_rewrap_knows_every_table_that_the_map_says_is_encrypted() -> None:
    """A table that gets such a column is named here, or its values would be lost with the old key."""
    said = {place.where for place in TABLES if "encrypted by customer-data.key" in place.rests}

    assert said == {f"table {column.table.name}" for column in ENCRYPTED}
