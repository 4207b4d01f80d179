"""What opens a platform's stream, and only once."""

from __future__ import annotations

import hashlib

from pydantic import SecretStr
from starlette.websockets import WebSocket

from voiceguard.adapters.store import StoreError
from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.ingest.stream_token import check_stream_token
from voiceguard.server.context import WebContext

NONCE_LIFE_S = 86_400.0
"""For how long a nonce is remembered whose token or JWT ends sooner."""


def public_url(service: WebContext, websocket: WebSocket) -> str:
    """The URL as the platform saw it: the public origin, the path and the query."""
    url = websocket.url
    origin = service.settings.public_origin or f"{url.scheme}://{url.netloc}"
    return origin + url.path + (f"?{url.query}" if url.query else "")


async def use_once(service: WebContext, platform: str, nonce: str, expires: float | None = None) -> None:
    """Spend a nonce. `expires`: Unix seconds, default a day from now; inf: it is remembered for ever.

    Raises AuthenticationError when it was spent before, and PeerError("store_unavailable") when that cannot be known.
    """
    # Peers choose nonces, and their length: what is kept has one form.
    kept = hashlib.sha256(f"{platform} {nonce}".encode("utf-8", "replace")).hexdigest()
    try:
        fresh = await service.store.nonces.use(kept, service.now() + NONCE_LIFE_S if expires is None else expires)
    except StoreError:
        raise PeerError("store_unavailable", "proofs cannot be checked now", close_code=1013) from None
    if not fresh:
        raise AuthenticationError("this proof was used before")


async def spend_stream_token(service: WebContext, secret: SecretStr, token: str, call_id: str) -> None:
    """Let a call in by a stream token for it. Raises PeerError."""
    nonce = check_stream_token(token, call_id, service.now(), secret.get_secret_value())
    await use_once(service, "stream token", nonce)
