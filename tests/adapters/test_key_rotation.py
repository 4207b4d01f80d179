"""The service's own keys are rotated: what the old ones signed and encrypted stays good, and nothing else does."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.adapters.installations import sealed, settings, three_calls
from voiceguard.adapters import key_rotation
from voiceguard.adapters.audit_seal import AuditSeal
from voiceguard.adapters.audit_verify import verify_installation
from voiceguard.adapters.keys import PUBLISHED_S, Keys, new_signing_key
from voiceguard.adapters.store import Store
from voiceguard.errors import AuthenticationError, ConfigurationError
from voiceguard.events import Grant

NOW = 240.0
GRANT = Grant("jti-9", "call-1", "customer-1", "refund", "00", NOW + 600.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An installation with three calls and three checkpoints of its first key."""
    sealed(settings(tmp_path / "data"), three_calls)
    return tmp_path / "data"


def rotate(folder: Path, at: float = NOW) -> tuple[str, str]:
    """As the command does it; kids of the old and the new key."""
    async def use(store: Store, _: AuditSeal) -> tuple[str, str]:
        return await key_rotation.rotate_signing(folder, Keys.open(folder), store, by="ann", now=at)

    kids: tuple[str, str] = sealed(settings(folder), use)
    sealed(settings(folder), lambda store, seal: seal.checkpoint(at))
    return kids


def faults(folder: Path) -> list[tuple[str, str]]:
    """Chain and kind of what `voiceguard audit verify` finds."""
    found = asyncio.run(verify_installation(settings(folder), None, NOW + 1.0))
    assert found.seen.checkpoints
    return [(fault.chain, fault.kind) for fault in found.seen.faults]


def test_rotate_signing_leaves_grants_good_that_were_signed_before(folder: Path) -> None:
    """A key that knew nothing of the rotation, one that was opened before it, and one after: each takes both grants."""
    before = Keys.open(folder)
    old_grant = before.sign_grant(GRANT, "i")
    old, new = rotate(folder)
    after = Keys.open(folder)
    new_grant = after.sign_grant(GRANT, "i")

    assert (old, new) == (before.kid, after.kid) and old != new
    for keys in (before, after):
        assert ["jti-9"] * 2 == [keys.verify_grant(grant, NOW + 1.0)["jti"] for grant in (old_grant, new_grant)]
    assert [new, old] == [key["kid"] for key in after.jwks(NOW + 1.0)["keys"]]
    assert not any("d" in key for key in after.jwks(NOW + 1.0)["keys"])


def test_rotate_signing_ends_the_old_key_when_its_grants_have_expired(folder: Path) -> None:
    """Whoever holds the old key can make no grant that verifies later on; its checkpoints stay."""
    stolen = Keys.open(folder)
    signature, forged = stolen.sign(b"x"), stolen.sign_grant(replace(GRANT, expires_at=1e9), "i")
    _, new = rotate(folder)
    keys, later = Keys.open(folder), NOW + PUBLISHED_S

    assert [new] == [key["kid"] for key in keys.jwks(later)["keys"]]
    with pytest.raises(AuthenticationError):
        keys.verify_grant(forged, later)
    assert keys.verify(b"x", signature)


def test_verify_audit_with_checkpoints_of_three_keys_is_whole(folder: Path) -> None:
    """Two rotations; the public halves lie beside the key, and nothing private of the old ones."""
    rotate(folder)
    rotate(folder)

    assert [] == faults(folder)
    kept = json.loads((folder / "retired-signing-keys.json").read_text())["keys"]
    assert (2, 0o600) == (len(kept), stat.S_IMODE((folder / "retired-signing-keys.json").stat().st_mode))
    assert not any("d" in key for key in kept)


def test_verify_audit_with_a_foreign_key_is_a_fault(folder: Path, tmp_path: Path) -> None:
    """A checkpoint under another service's key; and that key among the retired ones, which no record names."""
    rotate(folder)
    foreign = Keys.open(tmp_path / "foreign")
    with closing(sqlite3.connect(folder / "voiceguard.db")) as connection:
        last, body = connection.execute(
            "SELECT checkpoint_id, body FROM checkpoints ORDER BY checkpoint_id DESC LIMIT 1"
        ).fetchone()
        connection.execute("UPDATE checkpoints SET signature = ? WHERE checkpoint_id = ?", (foreign.sign(body), last))
        connection.commit()

    assert [("checkpoints", "changed")] == faults(folder)

    path = folder / "retired-signing-keys.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({"keys": [*kept["keys"], {**foreign.jwks()["keys"][0], "retired_at": 1.0}]}))
    assert [("keys", "added")] == faults(folder)


def test_verify_audit_without_the_retired_keys_is_a_fault(folder: Path) -> None:
    """What the old key signed is nobody's once its public half is gone."""
    rotate(folder)
    (folder / "retired-signing-keys.json").unlink()

    assert [("checkpoints", "changed")] * 3 == faults(folder)


def test_keys_damaged_while_in_use_stay_as_they_were(folder: Path) -> None:
    """A service goes on with the keys that it has, and its look tells what is wrong."""
    keys = Keys.open(folder)
    token, signature = keys.cipher.encrypt(b"x"), keys.sign(b"x")
    (folder / "signing-key.json").write_text("{")

    with pytest.raises(ConfigurationError, match="damaged"):
        keys.look()
    assert (True, False) == (keys.verify(b"x", signature), keys.verify(b"y", signature))
    assert b"x" == keys.cipher.decrypt(token)
    (folder / "signing-key.json").write_bytes(new_signing_key())
    assert keys.look()


def test_old_customer_key_stays_while_a_value_is_under_no_key(tmp_path: Path) -> None:
    """What cannot be read may be read by a key that somebody still has: nothing is removed, and the count is told."""
    options = settings(tmp_path)

    async def use(store: Store, _: AuditSeal) -> None:
        await store.customers.upsert("customer-1", totp_secret="JBSWY3DP")
        with closing(sqlite3.connect(tmp_path / "voiceguard.db")) as connection:
            connection.execute("UPDATE customers SET totp_secret = 'gAAAA'")
            connection.commit()
        await key_rotation.rotate_customer_data(tmp_path, store, by="ann", now=NOW)
        os.utime(tmp_path / "customer-data.key", (0, 0))
        with pytest.raises(ConfigurationError, match="1 values cannot be decrypted"):
            await key_rotation.drop_old_customer_keys(tmp_path, Keys.open(tmp_path), store, by="ann", now=NOW)

    sealed(options, use)
    assert 2 == len((tmp_path / "customer-data.key").read_bytes().split())
