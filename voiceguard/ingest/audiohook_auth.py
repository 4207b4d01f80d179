"""How a Genesys AudioHook client proves itself: its API key, and an HTTP message signature under its client secret.

The signature is that of draft-ietf-httpbis-message-signatures-11, whose `@request-target` later editions lost, with
HMAC-SHA256 alone. It covers one upgrade request, lives for seconds, and its nonce lets the driver refuse a second use.
Source: the protocol's reference implementation (github.com/purecloudlabs/audiohook-reference-implementation).
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import http_sf

from voiceguard.errors import AuthenticationError

COVERED: Final = (
    "@request-target", "@authority", "audiohook-organization-id", "audiohook-session-id", "audiohook-correlation-id",
    "x-api-key",
)
"""Components that a signature has to cover; it may cover further header fields."""
MAX_AGE_S = 10
CLOCK_SKEW_S = 3
"""Seconds that the two clocks may differ, either way."""
NONCE_LIFE_S = MAX_AGE_S + 2 * CLOCK_SKEW_S
"""After this many seconds a signature is refused anyway."""
LEAST_NONCE_CHARS = 22
"""128 random bits in base64."""
_PARAMETERS: Final[Mapping[str, type]] = {"keyid": str, "nonce": str, "created": int, "expires": int, "alg": str}


@dataclass(frozen=True)
class UpgradeRequest:
    """What of a websocket's upgrade a signature can cover."""

    target: str
    """Path and query, as they were sent."""
    authority: str
    """Host that the client asked for, with the port unless it is the scheme's own."""
    headers: Mapping[str, str] = field(repr=False)
    """Lower-case names; fields of one name joined by ", "."""


def verify_upgrade(request: UpgradeRequest, secrets: Mapping[str, bytes], now: float, decoy: bytes) -> str | None:
    """The signature's nonce, which the caller must see only once; None where the key's secret is empty, so that the
    key alone is the proof and nothing is signed. Raises AuthenticationError.

    `secrets`: API key to client secret. `now`: Unix seconds. `decoy`: fresh random bytes, the secret that an unknown
    key's signature is compared under, so that the time taken does not tell which keys exist.
    """
    api_key = request.headers.get("x-api-key", "")
    secret = _secret(secrets, api_key)
    if "signature" not in request.headers and "signature-input" not in request.headers:
        if secret != b"":
            raise AuthenticationError("the request is not signed, or its API key is not known")
        return None
    components, parameters, signature = _parts(request.headers)
    nonce = _check_parameters(parameters, api_key, now)
    mac = hmac.digest(secret or decoy, _base(request, components, parameters), "sha256")
    if not hmac.compare_digest(mac, signature) & bool(secret):
        raise AuthenticationError("the signature does not match")
    return nonce


def sign_upgrade(request: UpgradeRequest, secret: bytes, *, created: int, nonce: str) -> dict[str, str]:
    """`Signature-Input` and `Signature` as a client makes them; raises AuthenticationError for headers it lacks."""
    components: list[Any] = [(name, {}) for name in COVERED]
    parameters: dict[str, Any] = {
        "keyid": request.headers["x-api-key"], "nonce": nonce, "alg": "hmac-sha256", "created": created,
    }
    mac = hmac.digest(secret, _base(request, components, parameters), "sha256")
    return {
        "Signature-Input": f"sig1={http_sf.ser([(components, parameters)])}",
        "Signature": f"sig1=:{base64.b64encode(mac).decode()}:",
    }


def _secret(secrets: Mapping[str, bytes], api_key: str) -> bytes | None:
    """Of this key; every key is compared, so that the time taken tells nothing."""
    found: bytes | None = None
    given = api_key.encode("utf-8", "surrogatepass")
    for known, secret in secrets.items():
        if hmac.compare_digest(known.encode(), given):
            found = secret
    return found


def _parts(headers: Mapping[str, str]) -> tuple[list[Any], dict[str, Any], bytes]:
    """Components, parameters and bytes of the request's one signature."""
    signatures, inputs = _dictionary(headers, "signature"), _dictionary(headers, "signature-input")
    if len(inputs) != 1 or signatures.keys() != inputs.keys():
        raise AuthenticationError("the request must carry one signature and its input")
    (signature,), (signed,) = signatures.values(), inputs.values()
    if not isinstance(signature, tuple) or not isinstance(signature[0], bytes):
        raise AuthenticationError("the signature is not a byte sequence")
    if not isinstance(signed, tuple) or not isinstance(signed[0], list):
        raise AuthenticationError("the signature's input is not a list of components")
    return signed[0], signed[1], signature[0]


def _dictionary(headers: Mapping[str, str], name: str) -> dict[str, Any]:
    """An RFC 8941 dictionary."""
    try:
        value: Any = http_sf.parse(
            headers.get(name, "").encode("utf-8", "surrogatepass"), tltype="dictionary", on_duplicate_key=_repeated
        )
    except (http_sf.StructuredFieldError, ValueError, OverflowError):
        raise AuthenticationError(f"{name} is not a structured field") from None
    return dict(value)


def _repeated(_: str, __: str) -> None:
    raise AuthenticationError("a key of the signature comes twice")


def _check_parameters(parameters: Mapping[str, Any], api_key: str, now: float) -> str:
    """The nonce of a signature that is of this key and of this time."""
    for name, value in parameters.items():
        if name not in _PARAMETERS or type(value) is not _PARAMETERS[name]:
            raise AuthenticationError("a parameter of the signature is not known, or of the wrong type")
    if parameters.get("alg", "hmac-sha256") != "hmac-sha256":
        raise AuthenticationError("the signature's algorithm is not hmac-sha256")
    if parameters.get("keyid") != api_key:
        raise AuthenticationError("the signature is of another key than x-api-key")
    created, expires = parameters.get("created"), parameters.get("expires")
    if created is None or not created - CLOCK_SKEW_S <= now <= created + MAX_AGE_S + CLOCK_SKEW_S:
        raise AuthenticationError("the signature was not made now")
    if expires is not None and now > expires + CLOCK_SKEW_S:
        raise AuthenticationError("the signature has expired")
    nonce: str = parameters.get("nonce", "")
    if len(nonce) < LEAST_NONCE_CHARS:
        raise AuthenticationError("the signature's nonce is missing or too short")
    return nonce


def _base(request: UpgradeRequest, components: list[Any], parameters: dict[str, Any]) -> bytes:
    """What is signed, section 2.3 of the draft; written anew from what was read, so that nothing else hides in it."""
    lines: dict[str, str] = {}
    for component in components:
        name, options = component if isinstance(component, tuple) else (component, {})
        if not isinstance(name, str) or options or name in lines:
            raise AuthenticationError("a signed component is no name, has parameters or comes twice")
        lines[name] = _value(request, name)
    if not lines.keys() >= set(COVERED):
        raise AuthenticationError("the signature does not cover all that it has to")
    signed = [f'"{name}": {value}' for name, value in lines.items()]
    signed.append(f'"@signature-params": {http_sf.ser([(components, parameters)])}')
    return "\n".join(signed).encode("utf-8", "surrogatepass")


def _value(request: UpgradeRequest, name: str) -> str:
    if name == "@request-target":
        return request.target
    if name == "@authority":
        return request.authority
    value = request.headers.get(name)
    if value is None or name == "signature":
        raise AuthenticationError("a signed component is not in the request")
    return value.strip(" \t")
