"""A short-lived token of our own that opens one stream: for platforms that sign nothing, or only the URL.

It is bound to one call, ends soon, and its nonce lets the driver refuse a second use.
"""

from __future__ import annotations

import base64
import hmac
import re

from voiceguard.errors import AuthenticationError

MAX_TOKEN_LIFE_S = 3600
"""A token that ends later than this from now was not made for a call about to start."""
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_TOKEN = re.compile(r"([0-9]{1,12})\.([A-Za-z0-9_-]{16,64})\.([A-Za-z0-9_-]{43})")


def make_stream_token(call_id: str, expires_at: int, nonce: str, secret: str) -> str:
    """A token for the call with this id on its platform: `<expires_at>.<nonce>.<HMAC-SHA256, base64url>`.

    `expires_at` is in Unix seconds, at most MAX_TOKEN_LIFE_S ahead; `nonce` is fresh, 16 to 64 of A-Za-z0-9_-.
    Raises ValueError for another nonce.
    """
    if not _NONCE.fullmatch(nonce):
        raise ValueError("a nonce is 16 to 64 of A-Za-z0-9_-")
    return f"{expires_at}.{nonce}.{_mac(call_id, str(expires_at), nonce, secret)}"


def check_stream_token(token: str, call_id: str, now: float, secret: str) -> str:
    """The token's nonce, which the caller must see only once; raises AuthenticationError. `now`: Unix seconds."""
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        raise AuthenticationError("the stream's token is missing or malformed")
    expires_at, nonce, mac = parts.groups()
    if not hmac.compare_digest(mac, _mac(call_id, expires_at, nonce, secret)):
        raise AuthenticationError("the stream's token is not one of ours for this call")
    if not now < int(expires_at) <= now + MAX_TOKEN_LIFE_S:
        raise AuthenticationError("the stream's token is not valid at this time")
    return nonce


def _mac(call_id: str, expires_at: str, nonce: str, secret: str) -> str:
    # Neither of the first two can hold a dot, so no two calls share a message.
    message = f"voiceguard stream token.{expires_at}.{nonce}.{call_id}"
    mac = hmac.digest(secret.encode(), message.encode("utf-8", "surrogatepass"), "sha256")
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
