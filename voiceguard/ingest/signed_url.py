"""The URL that a platform signed, as far as it can be known behind a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from voiceguard.errors import AuthenticationError

_SECURE = {"ws": False, "wss": True, "http": False, "https": True}


def spellings(url: str) -> Iterator[str]:
    """The URL as ws(s) and http(s), with and without its port, since a proxy may have rewritten either.

    Raises AuthenticationError for what is no such URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AuthenticationError("the requested URL is malformed") from None
    secure = _SECURE.get(parts.scheme)
    if secure is None:
        raise AuthenticationError("the requested URL is malformed")
    host = parts.netloc if port is None else parts.netloc.rpartition(":")[0]
    port = port or (443 if secure else 80)
    for scheme in ("wss", "https") if secure else ("ws", "http"):
        for netloc in (host, f"{host}:{port}"):
            yield parts._replace(scheme=scheme, netloc=netloc).geturl()
