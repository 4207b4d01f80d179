"""AudioHook's request signature: the protocol's own example, what each covered part is worth, and no way round it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.errors import AuthenticationError
from voiceguard.ingest.audiohook_auth import COVERED, UpgradeRequest, sign_upgrade, verify_upgrade

DECOY = b"\x5a" * 32
# The example of the protocol's documentation, as the reference implementation tests it; its HMAC was computed anew.
DOC_KEY = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
DOC_SECRET = base64.b64decode("TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU=")
DOC_CREATED = 1641013200
DOC = UpgradeRequest("/api/v1/voicebiometrics/ws", "audiohook.example.com", {
    "host": "audiohook.example.com",
    "audiohook-organization-id": "d7934305-0972-4844-938e-9060eef73d05",
    "audiohook-session-id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "audiohook-correlation-id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "x-api-key": DOC_KEY,
    "signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
    "signature-input": (
        'sig1=("@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" '
        '"audiohook-correlation-id" "x-api-key");keyid="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";'
        'nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";alg="hmac-sha256";created=1641013200;expires=3282026430'
    ),
})
SECRETS = {"another-key": b"another secret", DOC_KEY: DOC_SECRET, "unsigned-key": b""}
NONCE = "VGhpc0lzQVVuaXF1ZU5vbmNl"


def _with(headers: Mapping[str, str | None], request: UpgradeRequest = DOC) -> UpgradeRequest:
    """The request with other header fields; None leaves one out."""
    changed = {**request.headers, **headers}
    return replace(request, headers={name: value for name, value in changed.items() if value is not None})


def _signed(request: UpgradeRequest = DOC, secret: bytes = DOC_SECRET, created: int = 1000) -> UpgradeRequest:
    """The request under a signature of our own."""
    made = sign_upgrade(request, secret, created=created, nonce=NONCE)
    return _with({name.lower(): value for name, value in made.items()}, request)


def _input(old: str, new: str) -> UpgradeRequest:
    """The documentation's request with a change in the signature's input."""
    return _with({"signature-input": DOC.headers["signature-input"].replace(old, new)})


def test_documented_example() -> None:
    """The example verifies, and gives its nonce."""
    assert NONCE == verify_upgrade(DOC, SECRETS, DOC_CREATED + 5.0, DECOY)


def test_further_fields_may_be_covered() -> None:
    """A client may sign more than it has to, in any order."""
    request = _signed(_with({"date": "Tue, 20 Apr 2021 02:07:55 GMT"}))

    assert NONCE == verify_upgrade(request, SECRETS, 1000.0, DECOY)


@pytest.mark.parametrize(("now", "fresh"), [
    (996.9, False), (997.0, True), (1000.0, True), (1013.0, True), (1013.1, False), (1e12, False),
])
def test_age(now: float, fresh: bool) -> None:
    """A signature is good for 10 s, with 3 s for the difference of the clocks at either end."""
    if fresh:
        assert NONCE == verify_upgrade(_signed(), SECRETS, now, DECOY)
    else:
        with pytest.raises(AuthenticationError):
            verify_upgrade(_signed(), SECRETS, now, DECOY)


def test_expiry() -> None:
    """A signature that says itself when it ends has ended then, give or take the clocks' difference."""
    request = _input("expires=3282026430", "expires=1641013201")

    with pytest.raises(AuthenticationError, match="expired"):
        verify_upgrade(request, SECRETS, DOC_CREATED + 4.5, DECOY)
    with pytest.raises(AuthenticationError, match="match"):
        verify_upgrade(request, SECRETS, DOC_CREATED + 4.0, DECOY)


@pytest.mark.parametrize("name", [name for name in COVERED if not name.startswith("@")])
def test_every_field_counts(name: str) -> None:
    """A covered field that is not what was signed, or not there, is refused."""
    for value in ("0" * 36, None):
        with pytest.raises(AuthenticationError):
            verify_upgrade(_with({name: value}), SECRETS, DOC_CREATED, DECOY)


@pytest.mark.parametrize("changes", [{"target": "/v1/stream/audiohook"}, {"authority": "elsewhere.example.com"}])
def test_target_and_authority_count(changes: dict[str, Any]) -> None:
    """A signature for another path or another host opens nothing here."""
    with pytest.raises(AuthenticationError):
        verify_upgrade(replace(DOC, **changes), SECRETS, DOC_CREATED, DECOY)


@pytest.mark.parametrize("name", COVERED)
def test_everything_has_to_be_covered(name: str) -> None:
    """A signature over less proves less."""
    with pytest.raises(AuthenticationError, match="cover"):
        verify_upgrade(_input(f'"{name}"', ""), SECRETS, DOC_CREATED, DECOY)


@pytest.mark.parametrize(
    "request_",
    [
        _input('alg="hmac-sha256"', 'alg="hmac-sha512"'), _input('alg="hmac-sha256"', "alg=hmac-sha256"),
        _input("created=1641013200;", ""), _input("created=1641013200", "created=?1"),
        _input("created=1641013200", 'created="1641013200"'), _input("created=1641013200", "created=1641013200.0"),
        _input('nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";', ""), _input("VGhpc0lzQVVuaXF1ZU5vbmNl", "VGhpc0lzQVVuaXF1ZU5vb"),
        _input("keyid=", "keyed="), _input(f'keyid="{DOC_KEY}"', 'keyid="another-key"'),
        _input("keyid=", "tag=1;keyid="),
        _input('"x-api-key"', '"x-api-key" "x-api-key"'), _input('"x-api-key"', '"x-api-key";sf'),
        _input('"x-api-key"', '"x-api-key" "signature"'), _input('"x-api-key"', '"x-api-key" "@method"'),
        _input('"x-api-key"', '"x-api-key" "date"'), _input('"x-api-key"', '"x-api-key" 7'),
        _input("sig1=(", "sig2=("), _input("sig1=(", "sig1=((("), _input("(", '"'),
        _input('nonce="', 'nonce="";nonce="'),
        _with({"signature-input": None}), _with({"signature": None}), _with({"signature": "sig1"}),
        _with({"signature": ""}), _with({"signature": 'sig1="NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4="'}),
        _with({"signature": "sig1=::"}), _with({"signature": "sig1=:é\udc80:"}), _with({"signature-input": "sig1=()"}),
        _with({"signature": "sig1=:MZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:"}),
        _with({"signature": DOC.headers["signature"] + ", sig2=::"}),
        _with({"signature": None, "signature-input": None}),
        _with({"x-api-key": None}), _with({"x-api-key": ""}),
        _signed(secret=b"a guess", created=DOC_CREATED), _signed(secret=DECOY, created=DOC_CREATED),
        _signed(_with({"x-api-key": "another-key"}), created=DOC_CREATED),
        _signed(_with({"x-api-key": "unknown-key"}), secret=DECOY, created=DOC_CREATED),
        _signed(_with({"x-api-key": "unsigned-key"}), secret=DECOY, created=DOC_CREATED),
    ],
)
def test_refused(request_: UpgradeRequest) -> None:
    """Altered, incomplete, of another key, ambiguous or not there: refused."""
    with pytest.raises(AuthenticationError):
        verify_upgrade(request_, SECRETS, DOC_CREATED, DECOY)


def test_key_without_secret() -> None:
    """Where the key has no client secret the key is the proof; a key that has one must sign."""
    unsigned = {"signature": None, "signature-input": None}

    assert verify_upgrade(_with({**unsigned, "x-api-key": "unsigned-key"}), SECRETS, 0.0, DECOY) is None
    for key in (DOC_KEY, "unknown-key", "", None):
        with pytest.raises(AuthenticationError):
            verify_upgrade(_with({**unsigned, "x-api-key": key}), SECRETS, 0.0, DECOY)


@given(st.binary(min_size=1), st.integers(0, 10**12), st.from_regex(r"[A-Za-z0-9+/]{22,40}", fullmatch=True))
def test_signed_is_verified(secret: bytes, created: int, nonce: str) -> None:
    """What a client signs under any secret verifies under it, and under no other."""
    made = sign_upgrade(DOC, secret, created=created, nonce=nonce)
    request = _with({name.lower(): value for name, value in made.items()})

    assert nonce == verify_upgrade(request, {DOC_KEY: secret}, float(created), DECOY)
    with pytest.raises(AuthenticationError):
        verify_upgrade(request, {DOC_KEY: secret + b"\x01"}, float(created), DECOY)


@given(st.text(), st.text(), st.text())
def test_any_header(signature: str, signature_input: str, key: str) -> None:
    """Nothing that can stand in a header is accepted or raises anything else."""
    request = _with({"signature": signature, "signature-input": signature_input, "x-api-key": key})
    with pytest.raises(AuthenticationError):
        verify_upgrade(request, SECRETS, DOC_CREATED, DECOY)


@given(st.integers(0, 400), st.characters())
def test_altered(at: int, character: str) -> None:
    """No character of the signature's input can be changed, but for space that the structured field does not count."""
    given_input = DOC.headers["signature-input"]
    at %= len(given_input)
    altered = given_input[:at] + character + given_input[at + 1 :]
    if altered.replace(" ", "") != given_input.replace(" ", ""):
        with pytest.raises(AuthenticationError):
            verify_upgrade(_with({"signature-input": altered}), SECRETS, DOC_CREATED, DECOY)
