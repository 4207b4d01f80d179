"""Tests of voiceguard.adapters.keys."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey

from voiceguard.adapters.keys import Keys
from voiceguard.errors import AuthenticationError, ConfigurationError
from voiceguard.events import Grant

GRANT = Grant("jti-1", "call-1", "customer-1", "refund", "ab" * 32, 1000.0)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys.open(tmp_path_factory.mktemp("keys"))


def forged(keys: Keys, header: dict[str, str], claims: dict[str, object]) -> str:
    """A token signed with the service's own key."""
    return jwt.encode({"alg": "Ed25519", **header}, claims, keys._signing, algorithms=["Ed25519"])


def test_key_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """The folder is made 0700 and both key files 0600, and no draft stays behind."""
    folder = tmp_path / "data"
    Keys.open(folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"signing-key.json": 0o600, "customer-data.key": 0o600}


def test_keys_stay_the_same(tmp_path: Path) -> None:
    """A second start reads what the first one made."""
    first, second = Keys.open(tmp_path), Keys.open(tmp_path)

    assert first.jwks() == second.jwks()
    assert second.cipher.decrypt(first.cipher.encrypt(b"secret")) == b"secret"
    assert second.verify(b"record", first.sign(b"record"))


def test_many_starts_at_once_agree(tmp_path: Path) -> None:
    """Processes that start at once in an empty folder end up with one and the same key."""
    together = Barrier(8)

    def start(_: int) -> str:
        together.wait()
        return json.dumps(Keys.open(tmp_path).jwks())

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(8)))) == 1
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["signing-key.json", "customer-data.key"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_refuses_a_key_that_others_may_read(tmp_path: Path, name: str, mode: int) -> None:
    """Any right for group or others on a key file stops the start."""
    Keys.open(tmp_path)
    (tmp_path / name).chmod(mode)

    with pytest.raises(ConfigurationError, match="others"):
        Keys.open(tmp_path)


def test_refuses_a_folder_that_others_may_write(tmp_path: Path) -> None:
    """Who may write the folder could put another key there."""
    tmp_path.chmod(0o777)

    with pytest.raises(ConfigurationError, match="written by others"):
        Keys.open(tmp_path)


DAMAGED: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"", "no JSON": lambda: b"not json", "list": lambda: b"[]", "nothing": lambda: b"{}",
    "too short": lambda: b'{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}',
    "public": lambda: OKPKey.generate_key("Ed25519").as_bytes(private=False),
    "other curve": lambda: OKPKey.generate_key("X25519").as_bytes(private=True),
    "symmetric": lambda: json.dumps(OctKey.generate_key(256).as_dict(private=True)).encode(),
}
"""Made in the test: parameters that change from run to run would be other tests in each worker."""


@pytest.mark.parametrize("damage", DAMAGED)
def test_refuses_a_damaged_signing_key(tmp_path: Path, damage: str) -> None:
    """What is not a private Ed25519 JWK is refused, and its text is not quoted."""
    content = DAMAGED[damage]()
    Keys.open(tmp_path)
    (tmp_path / "signing-key.json").write_bytes(content)

    with pytest.raises(ConfigurationError) as refusal:
        Keys.open(tmp_path)
    assert len(content) < 3 or content.decode() not in str(refusal.value)


def test_refuses_a_damaged_customer_key(tmp_path: Path) -> None:
    """A cut-off Fernet key stops the start."""
    Keys.open(tmp_path)
    (tmp_path / "customer-data.key").write_bytes(Fernet.generate_key()[:20])

    with pytest.raises(ConfigurationError, match="damaged"):
        Keys.open(tmp_path)


def test_refuses_a_folder_that_is_a_file(tmp_path: Path) -> None:
    """A data folder that cannot be made is the operator's fault."""
    (tmp_path / "data").write_text("")

    with pytest.raises(ConfigurationError):
        Keys.open(tmp_path / "data")


def test_grant_carries_its_claims(keys: Keys) -> None:
    """A grant verifies until it expires, and says what it is bound to."""
    claims = keys.verify_grant(keys.sign_grant(GRANT, "issuer"), now=999.0)

    assert claims == {
        "iss": "issuer", "sub": "customer-1", "jti": "jti-1", "aud": "voiceguard-grant", "exp": 1000,
        "call_id": "call-1", "action": "refund", "parameters_sha256": "ab" * 32,
    }


def test_others_verify_grants_with_the_published_key(keys: Keys) -> None:
    """The JWKS alone is enough to check a grant, names its key and holds nothing private."""
    published = json.loads(json.dumps(keys.jwks()))
    token = jwt.decode(keys.sign_grant(GRANT, "issuer"), KeySet.import_key_set(published), algorithms=["Ed25519"])

    assert token.claims["jti"] == "jti-1"
    assert token.header == {"alg": "Ed25519", "typ": "vg-grant+jwt", "kid": published["keys"][0]["kid"]}
    assert "d" not in published["keys"][0]


def test_expired_grant_is_refused(keys: Keys) -> None:
    """The second of expiry is too late."""
    with pytest.raises(AuthenticationError):
        keys.verify_grant(keys.sign_grant(GRANT, "issuer"), now=1000.0)


def test_grant_of_another_service_is_refused(keys: Keys, tmp_path: Path) -> None:
    """Another key's signature is worth nothing."""
    with pytest.raises(AuthenticationError):
        keys.verify_grant(Keys.open(tmp_path).sign_grant(GRANT, "issuer"), now=1.0)


GOOD = {"iss": "i", "sub": "c", "jti": "j", "aud": "voiceguard-grant", "exp": 1000}


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"typ": "JWT"}, GOOD),
        ({}, GOOD),
        ({"typ": "vg-grant+jwt"}, GOOD | {"aud": "elsewhere"}),
        ({"typ": "vg-grant+jwt"}, GOOD | {"jti": 5}),
        *(({"typ": "vg-grant+jwt"}, {key: GOOD[key] for key in GOOD if key != missing})
          for missing in ("iss", "jti", "aud", "exp")),
    ],
)
def test_token_that_is_no_grant_is_refused(keys: Keys, header: dict[str, str], claims: dict[str, object]) -> None:
    """Our own key's signature makes no grant of another kind of token."""
    with pytest.raises(AuthenticationError):
        keys.verify_grant(forged(keys, header, claims), now=1.0)


def test_unsigned_and_hmac_tokens_are_refused(keys: Keys) -> None:
    """Neither `none` nor a public key used as an HMAC secret passes (RFC 8725 section 2.1)."""
    header, payload, _ = keys.sign_grant(GRANT, "issuer").split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"vg-grant+jwt"}').decode().rstrip("=")
    public = OctKey.import_key(keys.jwks()["keys"][0]["x"])
    hmac = jwt.encode({"alg": "HS256", "typ": "vg-grant+jwt"}, GOOD, public, algorithms=["HS256"])

    for token in (f"{none}.{payload}.", hmac, f"{header}.{payload}.", f"{header}.{payload}"):
        with pytest.raises(AuthenticationError):
            keys.verify_grant(token, now=1.0)


@given(token=st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,20}\.[A-Za-z0-9_-]{0,20}\.[A-Za-z0-9_-]{0,90}"))
@settings(deadline=None)
def test_garbage_is_refused(keys: Keys, token: str) -> None:
    """No text breaks the check."""
    with pytest.raises(AuthenticationError):
        keys.verify_grant(token, now=1.0)


@given(st.data())
@settings(deadline=None, max_examples=50)
def test_changed_grant_is_refused(keys: Keys, data: st.DataObject) -> None:
    """No character of a token can be another one."""
    token = keys.sign_grant(GRANT, "issuer")
    # The last character of the signature holds four unused bits, so other letters may mean the same bytes.
    place = data.draw(st.integers(0, len(token) - 2))
    letter = data.draw(st.sampled_from("ABCabc019_-").filter(lambda letter: letter != token[place]))

    with pytest.raises(AuthenticationError):
        keys.verify_grant(token[:place] + letter + token[place + 1 :], now=1.0)


def test_signature_holds_for_its_record_alone(keys: Keys) -> None:
    """Another record, a cut signature and text that is no signature do not verify."""
    signature = keys.sign(b"record")

    assert keys.verify(b"record", signature)
    assert not keys.verify(b"Record", signature)
    assert not keys.verify(b"record", signature[:-4])
    assert not keys.verify(b"record", "é")
    assert not keys.verify(b"record", "")


def test_record_signature_never_makes_a_grant(keys: Keys) -> None:
    """A signed record that looks like a token's signing input is still no token."""
    header, payload, _ = keys.sign_grant(GRANT, "issuer").split(".")
    signature = keys.sign(f"{header}.{payload}".encode())

    with pytest.raises(AuthenticationError):
        keys.verify_grant(f"{header}.{payload}.{signature}", now=1.0)
