"""How a Vonage stream proves itself: by the JWT of signed webhooks, which the upgrade request carries where the NCCO's
endpoint has `"authorization": {"type": "vonage"}` (Vonage: Signed webhooks; Voice API, websocket endpoint)."""

from __future__ import annotations

import re
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from voiceguard.errors import AuthenticationError

MAX_AGE_S: Final = 300
"""A JWT that was issued longer ago was not made for this request."""
MAX_SKEW_S: Final = 30
"""How far Vonage's clock may be ahead of ours."""
_LATEST: Final = 2**53
"""Unix seconds beyond which a time is none."""
_JTI = re.compile(r"[\x21-\x7e]{8,200}")


def verify_jwt(
    authorization: str | None, signature_secret: str, now: float, *, application_id: str | None = None,
    api_key: str | None = None,
) -> str:
    """The JWT's `jti`, which must be seen only once, the driver's to check; raises AuthenticationError.

    HS256 under the account's signature secret is the only algorithm that Vonage signs webhooks with. `iss` is always
    Vonage, `iat` is recent, `exp` and `nbf` hold where they are there. `application_id` and `api_key`: where given,
    those of the claims. `payload_hash` is not compared: an upgrade request has no payload. `now`: Unix seconds.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AuthenticationError("the request has no Vonage token")
    try:
        claims = jwt.decode(token.strip(), OctKey.import_key(signature_secret), algorithms=["HS256"]).claims
    except (JoseError, ValueError, TypeError):
        raise AuthenticationError("the Vonage token is malformed or not signed with our secret") from None
    if claims.get("iss") != "Vonage":
        raise AuthenticationError("the Vonage token has another issuer")
    if not now - MAX_AGE_S <= _time(claims, "iat", -1.0) <= now + MAX_SKEW_S:
        raise AuthenticationError("the Vonage token was not issued just now")
    if now >= _time(claims, "exp", now + 1) or now + MAX_SKEW_S < _time(claims, "nbf", now):
        raise AuthenticationError("the Vonage token is not valid at this time")
    wanted = {"application_id": application_id, "api_key": api_key}
    if any(value is not None and claims.get(name) != value for name, value in wanted.items()):
        raise AuthenticationError("the Vonage token is of another application or account")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not _JTI.fullmatch(jti):
        raise AuthenticationError("the Vonage token has no identifier")
    return jti


def _time(claims: dict[str, Any], name: str, default: float) -> float:
    """A NumericDate (RFC 7519 section 2)."""
    value = claims.get(name, default)
    # NaN, which JSON readers take, would be neither before nor after anything.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LATEST:
        raise AuthenticationError("a time of the Vonage token is malformed")
    return float(value)
