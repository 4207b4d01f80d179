"""How a Plivo stream proves itself: by the V3 signature of its upgrade request (Plivo: Signature validation)."""

from __future__ import annotations

import base64
import hmac
from urllib.parse import parse_qs, urlsplit

from voiceguard.errors import AuthenticationError
from voiceguard.ingest.signed_url import spellings


def verify_signature(url: str, signature: str | None, nonce: str | None, auth_token: str) -> None:
    """Check `X-Plivo-Signature-V3` of a websocket upgrade, a GET; raises AuthenticationError.

    What is signed, HMAC-SHA256 in base64, is the URL with its query in order, a dot and the nonce of
    `X-Plivo-Signature-V3-Nonce`. The header may hold several signatures with commas between them, as of a main account
    and its subaccount. The nonce must be seen only once, which is the driver's to check. `url`: the public origin, path
    and query, tried in all its spellings.
    """
    if not signature or not nonce:
        raise AuthenticationError("the request has no Plivo signature")
    given = [part.strip().encode("utf-8", "replace") for part in signature.split(",")]
    matches = False
    for candidate in spellings(url):
        message = f"{_in_order(candidate)}.{nonce}".encode("utf-8", "replace")
        expected = base64.b64encode(hmac.digest(auth_token.encode(), message, "sha256"))
        # Every spelling and signature is compared, so that the time taken tells nothing.
        for one in given:
            matches |= hmac.compare_digest(expected, one)
    if not matches:
        raise AuthenticationError("the Plivo signature does not match")


def _in_order(url: str) -> str:
    """The URL with its query decoded, and sorted by name and value."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    pairs = "&".join(f"{name}={value}" for name in sorted(query) for value in sorted(query[name]))
    return parts._replace(query="", fragment="").geturl() + (f"?{pairs}" if pairs else "")
