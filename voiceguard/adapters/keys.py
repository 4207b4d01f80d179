"""The service's own keys: Ed25519 for grants and audit checkpoints, Fernet for customers' secrets at rest.

Both lie in the data folder, readable by their owner alone, and are made on first use.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from voiceguard.errors import AuthenticationError, ConfigurationError, NothingThere, VoiceguardError
from voiceguard.events import Grant
from voiceguard.policy.grants import AUDIENCE, claims

ALG: Final = "Ed25519"
"""RFC 9864's name, which replaces the ambiguous `EdDSA`."""
TYPE: Final = "vg-grant+jwt"
"""JOSE `typ` of a grant (RFC 8725 section 3.11), so that no other token of this key passes for one."""

SIGNING: Final = "signing-key.json"
CUSTOMER_DATA: Final = "customer-data.key"
"""The key files in the data folder."""
_RECORD: Final = b"voiceguard-record-v1\0"
"""Stands before every signed record: with its NUL byte no record can be the signing input of a JWT."""


class Keys:
    """Use `open`."""

    def __init__(self, signing: OKPKey, cipher: Fernet) -> None:
        self.cipher = cipher
        """Encrypts customers' secrets in the database."""
        self._signing = signing
        if not isinstance(signing.private_key, Ed25519PrivateKey):
            raise ValueError("not a private Ed25519 key")
        self._private = signing.private_key
        self._kid = signing.thumbprint()

    @classmethod
    def open(cls, data_dir: Path, *, make: bool = True) -> Keys:
        """Read the keys in this folder, and make those that are missing, safely against another process doing so.

        `make` false: nothing is made, and NothingThere is raised for what is missing. Raises ConfigurationError for a
        key that others may read or change, or that is not a key.
        """
        try:
            if make:
                data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            elif not all((data_dir / name).exists() for name in (SIGNING, CUSTOMER_DATA)):
                raise NothingThere(f"there are no keys of a service in {data_dir.absolute()}")
            if data_dir.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise ConfigurationError(f"{data_dir} may be written by others: take their rights away (chmod go-w)")
            jwk = _read_or_make(data_dir / SIGNING, _new_jwk)
            fernet = _read_or_make(data_dir / CUSTOMER_DATA, Fernet.generate_key)
        except OSError as error:
            raise ConfigurationError(f"the keys in {data_dir} cannot be read: {error.strerror}") from error
        try:
            return cls(OKPKey.import_key(jwk), Fernet(fernet))
        except (JoseError, ValueError, KeyError, TypeError):  # its text could quote the key
            raise ConfigurationError(f"a key file in {data_dir} is damaged") from None

    @property
    def kid(self) -> str:
        """Which signing key it is: its RFC 7638 thumbprint."""
        return self._kid

    def sign_grant(self, grant: Grant, issuer: str) -> str:
        """The grant as a compact JWT (RFC 7519). Raises VoiceguardError when it cannot be signed."""
        header = {"alg": ALG, "typ": TYPE, "kid": self._kid}
        try:
            return jwt.encode(header, claims(grant, issuer), self._signing, algorithms=[ALG])
        except (JoseError, ValueError, AttributeError) as error:
            raise VoiceguardError(f"the grant could not be signed: {type(error).__name__}") from None

    def verify_grant(self, token: str, now: float | None = None) -> Mapping[str, Any]:
        """The claims of a grant that this service signed and that has not expired at `now` (Unix seconds, default the
        wall clock). Raises AuthenticationError for anything else. Whether it is spent, the store knows."""
        at = time.time() if now is None else now
        checks = jwt.JWTClaimsRegistry(
            now=int(at), iss={"essential": True}, exp={"essential": True}, jti={"essential": True},
            aud={"essential": True, "value": AUDIENCE},
        )
        try:
            decoded = jwt.decode(token, self._signing, algorithms=[ALG])
            checks.validate(decoded.claims)
        except (JoseError, ValueError):
            raise AuthenticationError("this grant is not ours, was changed, or has expired") from None
        if decoded.header.get("typ") != TYPE or not isinstance(decoded.claims["jti"], str):
            raise AuthenticationError("this token is not a grant")
        return decoded.claims

    def jwks(self) -> dict[str, Any]:
        """The public key as a JWK set (RFC 7517 section 5)."""
        return {"keys": [self._signing.as_dict(private=False, kid=self._kid, use="sig", alg=ALG)]}

    def sign(self, record: bytes) -> str:
        """Ed25519 signature of `voiceguard-record-v1`, a NUL byte and the record, as base64url without padding."""
        signature = self._private.sign(_RECORD + record)
        return base64.urlsafe_b64encode(signature).decode().rstrip("=")

    def verify(self, record: bytes, signature: str) -> bool:
        """True when `sign` of this key made the signature for this record."""
        try:
            raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
            self._private.public_key().verify(raw, _RECORD + record)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def _new_jwk() -> bytes:
    return OKPKey.generate_key("Ed25519").as_bytes(private=True)


def _read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    # Written whole under another name, then linked: of two processes that start at once the first wins, and neither
    # ever reads half a key.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return _read(path)
    finally:
        draft.unlink()
    return _read(path)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise ConfigurationError(f"{path} may be read by others: take their rights away (chmod 600)")
        return file.read()
