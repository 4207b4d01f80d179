"""Calls that a platform announced through the API, for protocols that can name a call and prove nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from cryptography.fernet import InvalidToken
from sqlalchemy import delete, insert

from voiceguard.adapters.store.database import Database, StoreError
from voiceguard.adapters.store.tables import registered_calls
from voiceguard.events import tenants


@dataclass(frozen=True)
class Registered:
    """What was said of a call before it came."""

    call_id: str | None = None
    """Of the platform; None: the UUID serves as one."""
    customer_ref: str | None = None
    consent: frozenset[str] = frozenset()
    metadata: Mapping[str, str] = field(default_factory=dict)
    tenant: str = tenants.DEFAULT
    """Of the key that registered it."""
    key: str = ""
    """The digest of that key's secret."""


class Registrations:
    """Keeps calls announced before they come; `Store.registrations`. A UUID opens one call, in whichever
    process it arrives, until it expires. The database knows its hash alone, and holds the rest encrypted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, call: Registered, *, now: float, life_s: float) -> UUID:
        """A fresh UUID for the call, good for `life_s` seconds from `now` (Unix seconds) on."""
        uuid = uuid4()
        body = {
            "call_id": call.call_id, "customer_ref": call.customer_ref, "consent": sorted(call.consent),
            "metadata": dict(call.metadata), "tenant": call.tenant, "key": call.key,
        }
        sealed = self._database.cipher.encrypt(json.dumps(body).encode())
        async with self._database.write("register a call") as connection:
            await connection.execute(delete(registered_calls).where(registered_calls.c.expires_at <= now))
            await connection.execute(
                insert(registered_calls).values(uuid_sha256=_sha256(uuid), expires_at=now + life_s, sealed=sealed)
            )
        return uuid

    async def claim(self, uuid: UUID, now: float) -> Registered | None:
        """The call of this UUID, which is spent by this; None when it is unknown, spent or expired."""
        async with self._database.write("look a registered call up") as connection:
            gone = await connection.execute(
                delete(registered_calls)
                .where(registered_calls.c.uuid_sha256 == _sha256(uuid), registered_calls.c.expires_at > now)
                .returning(registered_calls.c.sealed)
            )
            sealed = gone.scalar_one_or_none()
        if sealed is None:
            return None
        try:
            body = json.loads(self._database.cipher.decrypt(sealed))
        except InvalidToken:
            raise StoreError("a registered call was encrypted with another key, or was changed") from None
        return Registered(**{**body, "consent": frozenset(body["consent"])})


def _sha256(uuid: UUID) -> str:
    return hashlib.sha256(uuid.bytes).hexdigest()
