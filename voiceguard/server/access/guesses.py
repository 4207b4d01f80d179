"""Which counts a guess at a password adds to, so that guessing is slow and nobody can shut others out.

A guess counts for the name at its address, for the address, and, much more softly, for the name everywhere. From a
device on which that person signed in before it counts for the device alone, so that strangers' guesses do not matter
there (OWASP's device cookies).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography.fernet import InvalidToken
from starlette.requests import HTTPConnection
from starlette.responses import Response

from voiceguard.server.access import password_policy
from voiceguard.server.access.sessions import cookie_name, origin_of
from voiceguard.server.context import WebContext
from voiceguard.server.port.census import network_of

DEVICE_S = 90 * 86400
"""For how long a device is known."""
_PURPOSE = b"device of "


@dataclass(frozen=True)
class Counts:
    """Key of a count to the wait after so many wrong guesses in a row."""

    own: Mapping[str, Callable[[int], float]]
    """A right guess ends these."""
    shared: Mapping[str, Callable[[int], float]] = field(default_factory=dict)
    """A right guess was none of these."""


def counts_of(service: WebContext, connection: HTTPConnection, name: str, *, is_known: bool) -> Counts:
    """What a guess for this name adds to. A name that nobody has is kept as a digest: people type passwords there."""
    kept = name if is_known else f"~{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:16]}"
    device = connection.cookies.get(_cookie(service, connection))
    if device is not None and _is_device_of(service, device, name):
        return Counts({f"device:{kept}:{hashlib.sha256(device.encode()).hexdigest()[:16]}": password_policy.wait_after})
    address = _address_of(connection)
    return Counts(
        {f"name:{kept} at {address}": password_policy.wait_after},
        {
            f"address:{address}": password_policy.wait_after_from_address,
            f"name:{kept}": password_policy.wait_after_for_name,
        },
    )


def remember_device(service: WebContext, connection: HTTPConnection, response: Response, name: str) -> None:
    """Somebody signed in: this browser is known to be theirs for a while. It opens nothing by itself."""
    origin = origin_of(connection, service.settings.web_origin)
    response.set_cookie(
        _cookie(service, connection), service.keys.cipher.encrypt(_PURPOSE + name.encode()).decode(), path="/",
        httponly=True, samesite="strict", secure=origin.startswith("https:"), max_age=DEVICE_S,
    )


def _is_device_of(service: WebContext, device: str, name: str) -> bool:
    try:
        said = service.keys.cipher.decrypt(device.encode("ascii", "replace"), ttl=DEVICE_S)
    except InvalidToken:
        return False
    return said == _PURPOSE + name.encode("utf-8", "replace")


def _cookie(service: WebContext, connection: HTTPConnection) -> str:
    return f"{cookie_name(origin_of(connection, service.settings.web_origin))}-device"


def _address_of(connection: HTTPConnection) -> str:
    """The address as the trusted proxies say it, where there are some; else the peer's."""
    host = connection.client.host if connection.client else ""
    try:
        return network_of(host)
    except ValueError:  # a Unix socket's, or what a proxy made up
        return host[:64]
