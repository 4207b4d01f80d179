"""The service's own keys: Ed25519 for grants and audit checkpoints, Fernet for customers' data at rest.

They lie in the data folder, readable by their owner alone, and are made on first use. A rotation leaves the public half
of the old signing key there, so that what it signed still verifies, and the old key for customers' data until nothing
needs it. A running service reads the files anew when they change (`Keys.look`).
"""

from __future__ import annotations

import base64
import binascii
import json
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from voiceguard.adapters import private_files
from voiceguard.adapters.cipher import RotatingCipher
from voiceguard.errors import AuthenticationError, ConfigurationError, NothingThere, VoiceguardError
from voiceguard.events import Grant
from voiceguard.policy.grants import AUDIENCE, claims

ALG: Final = "Ed25519"
"""RFC 9864's name, which replaces the ambiguous `EdDSA`."""
TYPE: Final = "vg-grant+jwt"
"""JOSE `typ` of a grant (RFC 8725 section 3.11), so that no other token of this key passes for one."""

SIGNING: Final = "signing-key.json"
RETIRED: Final = "retired-signing-keys.json"
CUSTOMER_DATA: Final = "customer-data.key"
"""The key files in the data folder: a private JWK, a JWK set of public keys, and Fernet keys, one a line, the newest
first."""
LOOK_S: Final = 10.0
"""Period in which a service looks for new keys."""
PUBLISHED_S: Final = 900.0
"""For how long a retired signing key's grants verify: they live 600 s at most, and a service signs on for `LOOK_S`."""
_RECORD: Final = b"voiceguard-record-v1\0"
"""Stands before every signed record: with its NUL byte no record can be the signing input of a JWT."""


@dataclass(frozen=True)
class Retired:
    """A signing key that signs no more."""

    key: OKPKey
    """Public."""
    kid: str
    retired_at: float
    """Unix seconds."""

    def signs_grants(self, now: float) -> bool:
        """Whether a grant of it may still live."""
        return now < self.retired_at + PUBLISHED_S


class Keys:
    """Use `open`."""

    cipher: RotatingCipher
    """Encrypts customers' secrets in the database."""
    retired: Mapping[str, Retired]
    """Signing keys before this one, by kid."""

    def __init__(self, data_dir: Path) -> None:
        self._dir = data_dir
        self.cipher = RotatingCipher([Fernet.generate_key()], self._look_quietly)
        self.look()

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
            if make:
                private_files.read_or_make(data_dir / SIGNING, new_signing_key)
                private_files.read_or_make(data_dir / CUSTOMER_DATA, Fernet.generate_key)
        except OSError as error:
            raise ConfigurationError(f"the keys in {data_dir} cannot be read: {error.strerror}") from error
        return cls(data_dir)

    def look(self) -> bool:
        """Read the keys again if their files changed; whether they did. Raises ConfigurationError, and the keys stay.
        """
        try:
            seen = [self._stamp(name) for name in (SIGNING, RETIRED, CUSTOMER_DATA)]
            if seen == self.__dict__.get("_seen"):
                return False
            signing = OKPKey.import_key(private_files.read(self._dir / SIGNING))
            if not isinstance(signing.private_key, Ed25519PrivateKey):
                raise ValueError("not a private Ed25519 key")
            # After the signing key: a rotation writes this file before that one.
            retired = _retired(self._dir / RETIRED)
            self.cipher.take(private_files.read(self._dir / CUSTOMER_DATA).split())
        except OSError as error:
            raise ConfigurationError(f"the keys in {self._dir} cannot be read: {error.strerror}") from error
        except (JoseError, LookupError, ValueError, TypeError, AttributeError):  # its text could quote the key
            raise ConfigurationError(f"a key file in {self._dir} is damaged") from None
        self._signing, self._private, self._kid = signing, signing.private_key, signing.thumbprint()
        self.retired = {kid: key for kid, key in retired.items() if kid != self._kid}
        self._seen = seen
        return True

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
            decoded = jwt.decode(token, lambda signed: self._key_of(signed, at), algorithms=[ALG])
            checks.validate(decoded.claims)
        except (JoseError, ValueError):
            raise AuthenticationError("this grant is not ours, was changed, or has expired") from None
        if decoded.header.get("typ") != TYPE or not isinstance(decoded.claims["jti"], str):
            raise AuthenticationError("this token is not a grant")
        return decoded.claims

    def jwks(self, now: float | None = None) -> dict[str, Any]:
        """The public keys whose grants may live at `now`, the newest first, as a JWK set (RFC 7517 section 5)."""
        at = time.time() if now is None else now
        old = [(one.key, kid) for kid, one in self.retired.items() if one.signs_grants(at)]
        return {"keys": [
            key.as_dict(private=False, kid=kid, use="sig", alg=ALG) for key, kid in ((self._signing, self._kid), *old)
        ]}

    def sign(self, record: bytes) -> str:
        """Ed25519 signature of `voiceguard-record-v1`, a NUL byte and the record, as base64url without padding."""
        signature = self._private.sign(_RECORD + record)
        return base64.urlsafe_b64encode(signature).decode().rstrip("=")

    def verify(self, record: bytes, signature: str) -> bool:
        """True when `sign` of this key, or of one that it replaced, made the signature for this record."""
        return self._verifies(record, signature) or (self._look_quietly() and self._verifies(record, signature))

    def _verifies(self, record: bytes, signature: str) -> bool:
        try:
            raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        except (binascii.Error, ValueError):
            return False
        for key in (self._private.public_key(), *(one.key.public_key for one in self.retired.values())):
            try:
                assert isinstance(key, Ed25519PublicKey)
                key.verify(raw, _RECORD + record)
            except InvalidSignature:
                continue
            return True
        return False

    def _key_of(self, signed: Any, now: float) -> OKPKey:
        """The key that a grant names, as far as its grants may live; for others the one that signs now."""
        kid = signed.headers().get("kid")
        if kid != self._kid and kid not in self.retired:
            self._look_quietly()
        old = self.retired.get(kid) if isinstance(kid, str) else None
        return old.key if old is not None and old.signs_grants(now) else self._signing

    def _look_quietly(self) -> bool:
        try:
            return self.look()
        except ConfigurationError:  # the service's job of looking tells it
            return False

    def _stamp(self, name: str) -> tuple[int, ...] | None:
        try:
            found = (self._dir / name).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def new_signing_key() -> bytes:
    """A private Ed25519 JWK."""
    return OKPKey.generate_key("Ed25519").as_bytes(private=True)


def _retired(path: Path) -> dict[str, Retired]:
    """Raises OSError, ConfigurationError, and JoseError, LookupError, ValueError or TypeError for what is no set of
    retired keys."""
    if not path.exists():
        return {}
    found = {}
    for jwk in json.loads(private_files.read(path))["keys"]:
        key = OKPKey.import_key({name: jwk[name] for name in ("kty", "crv", "x")})
        if not isinstance(key.public_key, Ed25519PublicKey):
            raise ValueError("not an Ed25519 key")
        kid = key.thumbprint()
        found[kid] = Retired(key, kid, float(jwk["retired_at"]))
    return found
