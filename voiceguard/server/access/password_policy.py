"""What a password, a code, a session and a run of wrong guesses must be like. Pure: time and chance are arguments."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from zxcvbn import zxcvbn

LEAST_PASSWORD = 12
"""Characters; NIST SP 800-63B-4 section 3.1.1.2 asks for 8 beside a second factor."""
LONGEST_PASSWORD = 128
_GUESSABLE = 3
"""zxcvbn's scores below this fall to 10^8 guesses."""
RECOVERY_CODES = 10
FREE_TRIES = 5
"""Wrong guesses in a row, before a wait."""
FIRST_WAIT_S = 60.0
LONGEST_WAIT_S = 900.0
FREE_TRIES_OF_ADDRESS = 50
"""The same for one network address, which a whole office may share."""
FREE_TRIES_OF_NAME = 200
"""The same for one name from everywhere: strangers must not shut anybody out."""


@dataclass(frozen=True)
class SessionLimits:
    """How long somebody stays signed in, seconds (NIST SP 800-63B-4 section 2.2.3)."""

    idle_s: float
    """Since the person last did something."""
    absolute_s: float
    """Since the sign-in."""


def is_over(limits: SessionLimits, *, created_at: float, seen_at: float, now: float) -> bool:
    """Whether a session has ended by itself. A clock that was set back ends it, for it says nothing any more."""
    return not (0 <= now - created_at < limits.absolute_s and -60 <= now - seen_at < limits.idle_s)


def wait_after(failures: int) -> float:
    """Seconds that nothing is tried after this many wrong guesses in a row: none at first, then doubling."""
    if failures < FREE_TRIES:
        return 0.0
    return min(FIRST_WAIT_S * 2.0 ** min(failures - FREE_TRIES, 16), LONGEST_WAIT_S)


def wait_after_from_address(failures: int) -> float:
    """The same for a network address. It does not grow, for others share the address."""
    return 0.0 if failures < FREE_TRIES_OF_ADDRESS else FIRST_WAIT_S


def wait_after_for_name(failures: int) -> float:
    """The same for one name from everywhere. It does not grow, for whoever has that name suffers from it."""
    return 0.0 if failures < FREE_TRIES_OF_NAME else FIRST_WAIT_S


def why_bad(password: str, name: str) -> str | None:
    """Why this password cannot be taken, in words for whoever chose it; None when it can.

    Length and guessability count, not kinds of characters (NIST SP 800-63B-4 section 3.1.1.2).
    """
    if len(password) < LEAST_PASSWORD:
        return f"A password has at least {LEAST_PASSWORD} characters."
    if len(password) > LONGEST_PASSWORD:
        return f"A password has at most {LONGEST_PASSWORD} characters."
    found = zxcvbn(password[:72], user_inputs=[name, *name.replace("@", ".").split("."), "voiceguard"])
    if found["score"] < _GUESSABLE:
        return f"This password is easy to guess. {found['feedback']['warning'] or 'Add another word or two.'}"
    return None


def new_recovery_codes(entropy: Callable[[int], bytes]) -> list[str]:
    """Codes of 80 bits, in groups of four letters and digits, each good once in place of the authenticator."""
    texts = (base64.b32encode(entropy(10)).decode().lower() for _ in range(RECOVERY_CODES))
    return ["-".join(text[at : at + 4] for at in range(0, 16, 4)) for text in texts]


def recovery_digest(code: str) -> str:
    """What is kept of a recovery code, however it is typed. 80 random bits need no slow hash."""
    typed = "".join(char for char in code.lower() if char.isalnum())
    return hashlib.sha256(f"voiceguard-recovery\0{typed}".encode()).hexdigest()


def token_digest(token: str) -> str:
    """What is kept of the token in a session's cookie or a set-up link; both have 256 random bits."""
    return hashlib.sha256(f"voiceguard-token\0{token}".encode()).hexdigest()


def csrf_token(token: str) -> str:
    """What a page has to send beside the cookie: only a page that could read its own session's answer knows it."""
    digest = hashlib.sha256(f"voiceguard-csrf\0{token}".encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
