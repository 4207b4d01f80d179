"""Passwords to argon2id hashes, off the event loop and few at a time: each takes 64 MiB and a moment of a core."""

from __future__ import annotations

import asyncio
import unicodedata
from dataclasses import dataclass, field

from argon2 import PasswordHasher, profiles
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 2
"""More would let strangers who guess passwords take the cores that listen to calls."""


@dataclass
class Passwords:
    """Hashes and checks passwords; RFC 9106's second recommended parameters."""

    hasher: PasswordHasher = field(default_factory=lambda: PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY))
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """The hash to keep, with its own salt and parameters."""
        async with self._room:
            return await asyncio.to_thread(self.hasher.hash, normalised(password))

    async def matches(self, password: str, kept: str | None) -> bool:
        """Whether this is the password; against None, which is nobody's, it takes as long and is not."""
        if kept is None and self._nobodys is None:
            self._nobodys = await self.hash("nobody has this password")
        async with self._room:
            right = await asyncio.to_thread(self._verify, kept or self._nobodys or "", normalised(password))
        return right and kept is not None

    def is_stale(self, kept: str) -> bool:
        """Whether the hash was made with parameters that are no longer ours."""
        return self.hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self.hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False


def normalised(password: str) -> str:
    """The same characters for the same keys on every system (RFC 8265 section 4.2, NFC)."""
    return unicodedata.normalize("NFC", password)
