"""How a Twilio stream proves itself: by the signature of its upgrade request.

It covers the URL alone, so one that leaks stays good for ever: a stream token in the TwiML is the second gate.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from voiceguard.errors import AuthenticationError
from voiceguard.ingest.signed_url import spellings

_HASHES = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


def verify_signature(
    url: str, signature: str | None, auth_token: str | None, *,
    settings_header: str | None = None, shared_keys: Mapping[str, str] | None = None,
) -> None:
    """Check `X-Twilio-Signature` of a websocket upgrade; raises AuthenticationError.

    `url` is the public origin and the path, tried in all its spellings. `settings_header` is
    `X-Twilio-Webhooks-Signature-Settings` (`key=<id>,algorithm=HMAC_SHA256`): it names the key among `shared_keys` and
    the hash. Without it, the key is the account's auth token and the hash SHA-1. (Twilio: Webhooks security; Sign
    webhooks with shared keys.)
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
    for candidate in spellings(url):
        mac = hmac.digest(key.encode(), candidate.encode("utf-8", "replace"), _HASHES[hash_name])
        # Every candidate is compared, so that the time taken tells nothing.
        matches |= hmac.compare_digest(base64.b64encode(mac), given)
    if not matches:
        raise AuthenticationError("the Twilio signature does not match")


def _settings(header: str) -> dict[str, str]:
    fields = (part.partition("=") for part in header.split(","))
    return {name.strip(): value.strip() for name, _, value in fields if value.strip()}
