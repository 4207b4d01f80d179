"""How a Twilio stream proves itself: the signature of its upgrade request, and a short-lived token in its TwiML.

A signature covers the URL alone, so one that leaks stays good for ever. The token is the second gate: it is bound to
one call, ends soon, and its nonce lets the driver refuse a second use.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from voiceguard.errors import AuthenticationError

MAX_TOKEN_LIFE_S = 3600
"""A token that ends later than this from now was not made for a call about to start."""
_HASHES = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_SECURE = {"ws": False, "wss": True, "http": False, "https": True}
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_TOKEN = re.compile(r"([0-9]{1,12})\.([A-Za-z0-9_-]{16,64})\.([A-Za-z0-9_-]{43})")


def verify_signature(
    url: str, signature: str | None, auth_token: str | None, *,
    settings_header: str | None = None, shared_keys: Mapping[str, str] | None = None,
) -> None:
    """Check `X-Twilio-Signature` of a websocket upgrade; raises AuthenticationError.

    `url` is the public origin and the path; it is tried as ws(s) and http(s), with and without its port, since a proxy
    may have rewritten either. `settings_header` is `X-Twilio-Webhooks-Signature-Settings`
    (`key=<id>,algorithm=HMAC_SHA256`): it names the key among `shared_keys` and the hash. Without it, the key is the
    account's auth token and the hash SHA-1. (Twilio: Webhooks security; Sign webhooks with shared keys.)
    """
    settings = _settings(settings_header or "")
    hash_name = settings.get("algorithm", "HMAC_SHA1").upper()
    key = (shared_keys or {}).get(settings["key"]) if "key" in settings else auth_token
    if not signature:
        raise AuthenticationError("the request has no Twilio signature")
    if not key:
        raise AuthenticationError("the key of the Twilio signature is not configured")
    if hash_name not in _HASHES:
        raise AuthenticationError("the algorithm of the Twilio signature is not supported")
    given = signature.encode("utf-8", "replace")
    matches = False
    for candidate in _candidates(url):
        mac = hmac.digest(key.encode(), candidate.encode("utf-8", "replace"), _HASHES[hash_name])
        # Every candidate is compared, so that the time taken tells nothing.
        matches |= hmac.compare_digest(base64.b64encode(mac), given)
    if not matches:
        raise AuthenticationError("the Twilio signature does not match")


def make_stream_token(call_sid: str, expires_at: int, nonce: str, secret: str) -> str:
    """A token for `<Parameter name="token">`: `<expires_at>.<nonce>.<HMAC-SHA256, base64url>`.

    `expires_at` is in Unix seconds, at most MAX_TOKEN_LIFE_S ahead; `nonce` is fresh, 16 to 64 of A-Za-z0-9_-.
    Raises ValueError for another nonce.
    """
    if not _NONCE.fullmatch(nonce):
        raise ValueError("a nonce is 16 to 64 of A-Za-z0-9_-")
    return f"{expires_at}.{nonce}.{_token_mac(call_sid, str(expires_at), nonce, secret)}"


def check_stream_token(token: str, call_sid: str, now: float, secret: str) -> str:
    """The token's nonce, which the caller must see only once; raises AuthenticationError. `now`: Unix seconds."""
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        raise AuthenticationError("the stream's token is malformed")
    expires_at, nonce, mac = parts.groups()
    if not hmac.compare_digest(mac, _token_mac(call_sid, expires_at, nonce, secret)):
        raise AuthenticationError("the stream's token is not one of ours for this call")
    if not now < int(expires_at) <= now + MAX_TOKEN_LIFE_S:
        raise AuthenticationError("the stream's token is not valid at this time")
    return nonce


def _settings(header: str) -> dict[str, str]:
    fields = (part.partition("=") for part in header.split(","))
    return {name.strip(): value.strip() for name, _, value in fields if value.strip()}


def _candidates(url: str) -> Iterator[str]:
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


def _token_mac(call_sid: str, expires_at: str, nonce: str, secret: str) -> str:
    # Neither of the first two can hold a dot, so no two calls share a message.
    message = f"voiceguard stream token.{expires_at}.{nonce}.{call_sid}"
    mac = hmac.digest(secret.encode(), message.encode("utf-8", "surrogatepass"), "sha256")
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
