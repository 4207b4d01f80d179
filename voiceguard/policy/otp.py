"""One-time codes: RFC 6238 TOTP, and codes drawn here and delivered (NIST SP 800-63B-4 section 3.1.3).

A delivered code is kept only as an HMAC under a key of its own, over everything that it is bound to.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pyotp

DIGITS = 6
STEP_S = 30
SECRET = re.compile(r"[A-Z2-7]{16,128}={0,6}")
"""Of an authenticator: base32, 80 bits or more."""
_LIMIT = 2**32 - 2**32 % 10**DIGITS


@dataclass(frozen=True, slots=True)
class DeliveredCode:
    """What is kept of a delivered code."""

    key: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    bound_to: tuple[str, ...]

    def matches(self, code: str) -> bool:
        """Constant-time comparison."""
        return hmac.compare_digest(self.digest, _digest(self.key, self.bound_to, code))


def issue(entropy: Callable[[int], bytes], bound_to: tuple[str, ...]) -> tuple[str, DeliveredCode]:
    """Draw a code of 6 digits, each equally likely, and what to keep of it.

    `entropy(n)` gives n bytes of an approved generator; RuntimeError when it plainly is none. `bound_to`: call, action
    id, customer, action and parameters' hash; the kept value matches for these alone (PSD2 RTS article 5).
    """
    code, key = _draw(entropy), entropy(32)
    return code, DeliveredCode(key, _digest(key, bound_to, code), bound_to)


def totp_usable(secret: str) -> bool:
    """Whether this is Base32 of at least 112 bits (SP 800-63B-4 section 3.1.4)."""
    try:
        pyotp.TOTP(secret)
    except ValueError:
        return False
    return True


def totp_step(secret: str, code: str, now: float, last_step: int) -> int | None:
    """The RFC 6238 time step that `code` belongs to, within one step of `now` and later than `last_step`; else None.

    All three steps are compared, so that the time taken does not tell which of them matched.
    """
    totp = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S)
    present = int(now // STEP_S)
    given = code.encode(errors="replace")
    matched = [
        step for step in range(max(present - 1, 0), present + 2)
        if hmac.compare_digest(totp.generate_otp(step).encode(), given)
    ]
    return next((step for step in matched if step > last_step), None)


def _draw(entropy: Callable[[int], bytes]) -> str:
    for _ in range(128):
        number = int.from_bytes(entropy(4), "big")
        if number < _LIMIT:  # above it the low codes would come up more often
            return f"{number % 10**DIGITS:0{DIGITS}d}"
    raise RuntimeError("the entropy source repeats itself")


def _digest(key: bytes, bound_to: tuple[str, ...], code: str) -> bytes:
    return hmac.digest(key, json.dumps([*bound_to, code]).encode(), hashlib.sha256)
