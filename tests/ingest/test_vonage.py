"""The Vonage codec, and the JWT that opens its socket."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.ingest.promises import keeps_limits
from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.events import AudioReceived, CallStarted, DtmfReceived
from voiceguard.ingest.vonage import VonageCodec
from voiceguard.ingest.vonage_auth import verify_jwt

SECRET = "signature-secret-of-the-test-0123456789"
NOW = 1_700_000_000.0
CLAIMS = {
    "iat": int(NOW), "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5", "iss": "Vonage", "api_key": "a1b2c3d",
    "application_id": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
    "payload_hash": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
}
# These claims signed with PyJWT; vonage-jwt 1.1.5, verify_signature, takes the token.
SIGNED = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDAsImp0aSI6ImM1YmE4ZjI0LTFhMTQtNGMxMC1iZmR"
    "mLTNmYmU4Y2U1MTFiNSIsImlzcyI6IlZvbmFnZSIsImFwaV9rZXkiOiJhMWIyYzNkIiwiYXBwbGljYXRpb25faWQiOiJhYWFhYWF"
    "hYS1iYmJiLWNjY2MtZGRkZC0wMTIzNDU2Nzg5YWIiLCJwYXlsb2FkX2hhc2giOiJlM2IwYzQ0Mjk4ZmMxYzE0OWFmYmY0Yzg5OTZ"
    "mYjkyNDI3YWU0MWU0NjQ5YjkzNGNhNDk1OTkxYjc4NTJiODU1In0.AQh2rPWVD7x91vOXRIZ1-XZuNAFK-lGg8QZkhY0-emY"
)


def _connected(content_type: str = "audio/l16;rate=16000", **entries: Any) -> str:
    return json.dumps(
        {"event": "websocket:connected", "content-type": content_type, "call_id": "63f61863", **entries}
    )


def _started() -> VonageCodec:
    codec = VonageCodec()
    codec.receive_text(_connected())
    return codec


def _bearer(secret: str = SECRET, header: dict[str, Any] | None = None, **claims: Any) -> str:
    merged = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    head = header or {"alg": "HS256", "typ": "JWT"}
    token = jwt.encode(head, merged, OctKey.import_key(secret), algorithms=[head["alg"]])
    return f"Bearer {token}"


@pytest.mark.parametrize("content_type", ["audio/l16;rate=8000", "audio/l16; rate=16000", "Audio/L16;rate=24000"])
def test_connected(content_type: str) -> None:
    """The NCCO's entries that we know become fields; other strings and numbers are metadata, nothing else is."""
    entries = {
        "customer_ref": "customer-1", "consent": "voice_analysis, enrol", "queue": "billing", "token": "x",
        "a number": "1", "attempts": 3, "nested": {"a": "b"},
    }
    (started,) = VonageCodec().receive_text(_connected(content_type, **entries))

    assert isinstance(started, CallStarted)
    assert ("63f61863", "l16", ("caller",), "customer-1") == (
        started.call_id, started.encoding, started.channels, started.customer_ref
    )
    assert (frozenset({"voice_analysis", "enrol"}), {"queue": "billing", "attempts": "3"}, 2) == (
        started.consent, started.metadata, started.passed_over
    )
    assert started.rate_hz == int(content_type.partition("rate=")[2])


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (_connected("audio/l16;rate=48000"), "unsupported_media"), (_connected("audio/pcmu"), "unsupported_media"),
        (json.dumps({"event": "websocket:connected", "call_id": "c"}), "unsupported_media"),
        (_connected(call_id=None), "bad_message"), (_connected(call_id="../etc"), "bad_message"),
        (json.dumps({"event": 5}), "bad_message"), ("[]", "bad_json"),
    ],
)
def test_wrong_beginnings(message: str, code: str) -> None:
    """What cannot begin a call is refused."""
    with pytest.raises(PeerError) as raised:
        VonageCodec().receive_text(message)
    assert code == raised.value.code


def test_audio() -> None:
    """Each binary message follows the one before; half a sample is refused."""
    codec = _started()

    assert [AudioReceived("caller", 0, b"\x01\x02" * 320)] == codec.receive_binary(b"\x01\x02" * 320)
    assert [] == codec.receive_binary(b"")
    assert [AudioReceived("caller", 320, b"\x03\x04")] == codec.receive_binary(b"\x03\x04")
    for data, code in ((b"\x01", "bad_audio"), (bytes(70_000), "too_big")):
        with pytest.raises(PeerError) as raised:
            codec.receive_binary(data)
        assert code == raised.value.code


@pytest.mark.parametrize("message", ['{"digit":"5","duration":260,"event":"websocket:dtmf"}',
                                     '{"event":"websocket:dtmf","dtmf":{"digit":"5","duration":260}}'])
def test_keys(message: str) -> None:
    """A digit stands in the message, or in an object within."""
    assert [DtmfReceived("caller", "5")] == _started().receive_text(message)


def test_the_rest() -> None:
    """What answers a clear or a notify that we never sent is passed over, as is what is unknown."""
    codec = _started()

    assert [] == codec.receive_text('{"event":"websocket:cleared"}')
    assert [] == codec.receive_text('{"event":"websocket:notify","payload":{}}')
    assert 2 == codec.ignored
    assert [] == codec.encode({"type": "risk"})

def test_limits() -> None:
    """The largest message passes, and one byte more does not."""
    keeps_limits(VonageCodec)


# ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_token() -> None:
    """A token that Vonage signed just now gives its identifier, also with an expiry and a name to check."""
    assert CLAIMS["jti"] == verify_jwt(f"Bearer {SIGNED}", SECRET, NOW)
    assert CLAIMS["jti"] == verify_jwt(
        f"bearer {SIGNED}", SECRET, NOW + 299, application_id=str(CLAIMS["application_id"]), api_key="a1b2c3d"
    )
    assert CLAIMS["jti"] == verify_jwt(_bearer(exp=NOW + 10, nbf=NOW), SECRET, NOW)


@pytest.mark.parametrize(
    "authorization",
    [
        None, "", "Bearer", "Bearer ", SIGNED, f"Basic {SIGNED}", f"Bearer {SIGNED[:-2]}", f"Bearer {SIGNED}x",
        "Bearer a.b.c", "Bearer é", _bearer("another-secret-of-the-test-0123456789"), _bearer(iss="vonage"),
        _bearer(iss=None), _bearer(iat=None), _bearer(iat="1700000000"), _bearer(iat=True), _bearer(iat=NOW - 301),
        _bearer(iat=10**400), _bearer(exp=10**400), _bearer(exp=float("nan")), _bearer(nbf=float("nan")),
        _bearer(iat=NOW + 31), _bearer(exp=NOW), _bearer(exp="never"), _bearer(nbf=NOW + 31), _bearer(jti=None),
        _bearer(jti=""), _bearer(jti=7), _bearer(jti="x" * 201), _bearer(application_id="another"),
        _bearer(application_id=None), _bearer(api_key="another"), _bearer(header={"alg": "HS512"}),
    ],
)
def test_token_refused(authorization: str | None) -> None:
    """Missing, altered, forged, old, of another application or account, or without an identifier: refused."""
    with pytest.raises(AuthenticationError):
        verify_jwt(
            authorization, SECRET, NOW, application_id=str(CLAIMS["application_id"]), api_key="a1b2c3d"
        )


def test_no_other_algorithm() -> None:
    """Neither none at all nor a public key in the place of the secret opens the socket."""
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    unsigned = f"Bearer {head}.{SIGNED.split('.')[1]}."
    key = RSAKey.generate_key(2048)
    by_rsa = "Bearer " + jwt.encode({"alg": "RS256"}, dict(CLAIMS), key)
    for authorization, secret in ((unsigned, SECRET), (by_rsa, SECRET), (by_rsa, key.as_pem(private=False).decode())):
        with pytest.raises(AuthenticationError):
            verify_jwt(authorization, secret, NOW)


@given(st.integers(0, 1000), st.characters())
def test_token_altered(at: int, character: str) -> None:
    """No character of a token can be changed but the bits that base64 leaves over."""
    at %= len(SIGNED) - 1
    altered = SIGNED[:at] + character + SIGNED[at + 1 :]
    if altered != SIGNED:
        with pytest.raises(AuthenticationError):
            verify_jwt(f"Bearer {altered}", SECRET, NOW)


@given(st.text(), st.text(min_size=20))
def test_any_token(authorization: str, secret: str) -> None:
    """Nothing that can stand in the header is accepted or raises anything else."""
    for header in (authorization, f"Bearer {authorization}"):
        with pytest.raises(AuthenticationError):
            verify_jwt(header, secret, NOW)
