"""Nonces of tokens and signatures, so that each of them opens one stream."""

from __future__ import annotations

import math

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError

from voiceguard.adapters.store.database import Database
from voiceguard.adapters.store.tables import nonces

NONCE_KEPT_S = 7 * 86400.0
"""A nonce is forgotten when the newest one expires this much later: no token may live longer."""


class Nonces:
    """Spends nonces; `Store.nonces`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def use(self, nonce: str, expires: float) -> bool:
        """True the first time. `expires` (Unix seconds): when the token of this nonce is refused anyway; inf: never."""
        async with self._database.write("use a nonce") as connection:
            if math.isfinite(expires):
                await connection.execute(delete(nonces).where(nonces.c.expires < expires - NONCE_KEPT_S))
            try:
                async with connection.begin_nested():
                    await connection.execute(insert(nonces).values(nonce=nonce, expires=expires))
            except IntegrityError:
                return False
        return True
