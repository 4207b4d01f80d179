"""People at the desk, for tests: somebody who can sign in, and somebody who is signed in already."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import httpx
import pyotp
from argon2 import PasswordHasher

from tests.server.serving import Served
from voiceguard.server.access.password_policy import csrf_token, recovery_digest, token_digest

PASSWORD = "seven quiet herons"
RECOVERY = "aaaa-bbbb-cccc-dddd"


@cache
def _hashed() -> str:
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@dataclass
class Someone:
    """What a person knows and holds."""

    name: str
    secret: str
    password: str = PASSWORD

    def code(self, now: float | None = None) -> str:
        """What the authenticator shows."""
        totp = pyotp.TOTP(self.secret)
        return totp.now() if now is None else totp.at(int(now))


async def someone(served: Served, name: str = "ann", roles: Iterable[str] = ("agent",)) -> Someone:
    """A person who has set up password and authenticator, and has one recovery code."""
    people, now, token = served.service.store.users, served.service.now(), secrets.token_hex(8)
    await people.add(name, roles, setup=token, expires=now + 60, by="test", now=now)
    person = await people.begin_set_up(token, new_secret=pyotp.random_base32(), now=now)
    assert person is not None and person.totp_secret is not None
    await people.set_up(
        token, secret=person.totp_secret, password_hash=_hashed(), totp_step=-1, codes=[recovery_digest(RECOVERY)],
        now=now,
    )
    return Someone(name, person.totp_secret)


async def session_token(
    served: Served, name: str = "ann", roles: Iterable[str] = ("agent",), tenant: str | None = None
) -> str:
    """The token in the cookie of somebody who has just signed in; made if there is no such person."""
    people, now, token = served.service.store.users, served.service.now(), secrets.token_urlsafe(32)
    await people.add(name, roles, setup=secrets.token_hex(8), expires=now, by="test", now=now, tenant=tenant)
    await people.open_session(name, token_digest(token), "totp", now)
    return token


def browser(served: Served, token: str | None = None, origin: str | None = None) -> httpx.AsyncClient:
    """An HTTP client as this service's page is one, with or without a session."""
    headers = {"Origin": origin or served.origin}
    if token is not None:
        headers |= {"X-CSRF-Token": csrf_token(token), "Cookie": f"voiceguard={token}"}
    return httpx.AsyncClient(base_url=served.origin, headers=headers, verify=False, timeout=60)
