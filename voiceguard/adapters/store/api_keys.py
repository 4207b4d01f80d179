"""Machines' keys in the store: made, rotated with a time of grace, revoked, and when they were last used."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sqlalchemy import and_, delete, insert, or_, select, update

from voiceguard.adapters.store.database import Database, StoreError
from voiceguard.adapters.store.tables import api_keys
from voiceguard.adapters.store.users import record_act

USED_S = 60.0
"""How exact the time of the last use is: a write at every request would cost more than the request."""


class ApiKeys:
    """Keeps machines' keys; `Store.api_keys`. Times are Unix seconds; `by` says who did it.

    A key has 256 random bits, so its plain hash can be neither guessed nor timed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str, scopes: Iterable[str], *, by: str, now: float) -> str:
        """A new key: the only time that anybody sees it. Raises StoreError when the name is taken."""
        secret, wanted = _new_secret(), sorted(set(scopes))
        async with self._database.write("make an API key") as connection:
            await connection.execute(insert(api_keys).values(
                name=name, secret_sha256=_sha256(secret), scopes=" ".join(wanted), created_at=now
            ))
            await record_act(connection, now, "key_created", name=name, scopes=wanted, by=by)
        return secret

    async def rotate(self, name: str, *, grace_s: float, by: str, now: float) -> str | None:
        """A new secret for a key; the old one stays good for `grace_s`, and an older one for no longer. None for an
        unknown key."""
        secret = _new_secret()
        async with self._database.write("rotate an API key") as connection:
            changed = await connection.execute(update(api_keys).where(api_keys.c.name == name).values(
                secret_sha256=_sha256(secret), old_sha256=api_keys.c.secret_sha256, old_until=now + grace_s
            ))
            if not changed.rowcount:
                return None
            await record_act(connection, now, "key_rotated", name=name, grace_s=grace_s, by=by)
        return secret

    async def revoke(self, name: str, *, by: str, now: float) -> bool:
        """End a key; False when there is none of this name."""
        async with self._database.write("revoke an API key") as connection:
            revoked = await connection.execute(delete(api_keys).where(api_keys.c.name == name))
            if revoked.rowcount:
                await record_act(connection, now, "key_revoked", name=name, by=by)
        return revoked.rowcount > 0

    async def check(self, secret: str, now: float) -> tuple[str, frozenset[str]] | None:
        """Name and scopes of the key's holder; None for an unknown or revoked key, or one rotated too long ago."""
        digest = _sha256(secret)
        async with self._database.read("check an API key") as connection:
            row = (await connection.execute(select(api_keys).where(or_(
                api_keys.c.secret_sha256 == digest,
                and_(api_keys.c.old_sha256 == digest, api_keys.c.old_until > now),
            )))).one_or_none()
        if row is None:
            return None
        if row.last_used_at is None or now - row.last_used_at >= USED_S:
            with suppress(StoreError):  # who could not be noted may still pass
                async with self._database.write("note the use of an API key") as connection:
                    await connection.execute(
                        update(api_keys).where(api_keys.c.name == row.name).values(last_used_at=now)
                    )
        return row.name, frozenset(row.scopes.split())

    async def list(self) -> list[dict[str, Any]]:
        """`name`, `scopes` (sorted), `created_at`, `last_used_at` and `old_until` of every key, by name."""
        async with self._database.read("list API keys") as connection:
            rows = (await connection.execute(select(api_keys).order_by(api_keys.c.name))).all()
        return [{
            "name": row.name, "scopes": row.scopes.split(), "created_at": row.created_at,
            "last_used_at": row.last_used_at, "old_until": row.old_until,
        } for row in rows]


def _new_secret() -> str:
    return "vg_" + secrets.token_urlsafe(32)


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
