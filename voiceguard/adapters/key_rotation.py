"""Rotates the service's own keys. Each step is recorded in the chain of what concerns no call."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

from cryptography.fernet import Fernet
from joserfc.jwk import OKPKey

from voiceguard.adapters import private_files
from voiceguard.adapters.keys import CUSTOMER_DATA, LOOK_S, RETIRED, SIGNING, Keys, new_signing_key
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.rewrap import Rewrapped, rewrap
from voiceguard.adapters.store.users import record_act
from voiceguard.errors import ConfigurationError

TAKEN_S: Final = 6 * LOOK_S
"""After so long every service that runs has taken a new key: only then may an old one go."""


async def rotate_signing(data_dir: Path, keys: Keys, store: Store, *, by: str, now: float) -> tuple[str, str]:
    """Sign with a new key from now on; kids of the old and the new one. What the old one signed verifies on.

    The chain names the old key before the files change: `audit verify` takes no retired key that the chain does not
    name. Raises StoreError, OSError.
    """
    with private_files.locked(data_dir):
        keys.look()
        old, new = keys.kid, new_signing_key()
        kid = OKPKey.import_key(new).thumbprint()
        async with store.database.write("record a rotation") as connection:
            await record_act(connection, now, "signing_key_rotated", old_kid=old, new_kid=kid, by=by)
        private_files.replace(data_dir / RETIRED, _with_retired(data_dir / RETIRED, keys, now))
        private_files.replace(data_dir / SIGNING, new)
    keys.look()
    return old, kid


async def rotate_customer_data(data_dir: Path, store: Store, *, by: str, now: float) -> int:
    """Encrypt with a new key from now on; how many keys there are now. Raises StoreError, OSError."""
    path = data_dir / CUSTOMER_DATA
    with private_files.locked(data_dir):
        lines = private_files.read(path).split()
        async with store.database.write("record a rotation") as connection:
            await record_act(connection, now, "customer_key_rotated", keys=len(lines) + 1, by=by)
        private_files.replace(path, b"\n".join([Fernet.generate_key(), *lines]) + b"\n")
    return len(lines) + 1


async def drop_old_customer_keys(data_dir: Path, keys: Keys, store: Store, *, by: str, now: float) -> Rewrapped:
    """Remove all keys for customers' data but the newest, if nothing in the database needs them any more.

    What still did is encrypted with the newest first, and then the database is looked through once more. Raises
    ConfigurationError, and removes nothing, while a running service may encrypt with an old key or something cannot be
    read; StoreError; OSError.
    """
    path = data_dir / CUSTOMER_DATA
    if time.time() - path.stat().st_mtime < TAKEN_S:
        raise ConfigurationError(f"the newest key is younger than {TAKEN_S:.0f} s: services may not have taken it yet")
    done = await rewrap(store.database, keys.cipher)
    with private_files.locked(data_dir):
        left = await rewrap(store.database, keys.cipher)
        if left.unreadable or left.changed:
            raise ConfigurationError(
                f"{left.unreadable} values cannot be decrypted and {left.changed} were still written with an old key: "
                "the old keys stay"
            )
        newest = private_files.read(path).split()[0]
        async with store.database.write("record a rotation") as connection:
            await record_act(connection, now, "customer_keys_removed", keys=keys.cipher.count - 1, by=by)
        private_files.replace(path, newest + b"\n")
    keys.look()
    return done


def _with_retired(path: Path, keys: Keys, now: float) -> bytes:
    """The JWK set of retired keys with the key that signs now: until the other file is replaced it stands in both."""
    before: list[dict[str, Any]] = json.loads(private_files.read(path))["keys"] if path.exists() else []
    public = keys.jwks(now)["keys"][0]
    return json.dumps({"keys": [*before, {**public, "retired_at": now}]}, indent=2).encode() + b"\n"
