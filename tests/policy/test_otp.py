"""One-time codes: drawn evenly, kept as a keyed hash, time steps accepted once."""

from __future__ import annotations

from collections.abc import Callable

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.asked import NOW, SECRET
from voiceguard.policy import otp

BOUND = ("call-1", "a1", "customer-1", "payment", "00")


def source(*numbers: int) -> Callable[[int], bytes]:
    """Entropy that draws these numbers, then keys of zeroes."""
    left = list(numbers)
    return lambda size: left.pop(0).to_bytes(size, "big") if size == 4 else bytes(size)


@given(st.integers(0, 2**32 - 1))
def test_a_code_has_six_digits_and_matches_itself(number: int) -> None:
    """Leading zeros too."""
    code, kept = otp.issue(source(number, 7), BOUND)

    assert (6, True) == (len(code), code.isascii() and code.isdigit())
    assert kept.matches(code)


def test_numbers_that_would_favour_low_codes_are_drawn_again() -> None:
    """2^32 is no multiple of a million: what lies above the last whole million is not used."""
    last = 4_294_000_000
    assert "999999" == otp.issue(source(last - 1), BOUND)[0]
    assert "000007" == otp.issue(source(last, 2**32 - 1, 7), BOUND)[0]


def test_a_broken_entropy_source_is_not_waited_for() -> None:
    """A generator that only gives ones is an error, not an endless loop."""
    with pytest.raises(RuntimeError):
        otp.issue(lambda size: b"\xff" * size, BOUND)


@pytest.mark.parametrize("place", range(len(BOUND)))
def test_a_kept_code_is_bound(place: int) -> None:
    """To the call, the action id, the customer, the action and its parameters."""
    code, kept = otp.issue(source(7), BOUND)
    other = otp.DeliveredCode(kept.key, kept.digest, (*BOUND[:place], "other", *BOUND[place + 1:]))

    assert kept.matches(code)
    assert not other.matches(code)


@given(st.text(max_size=12))
def test_no_other_code_matches(text: str) -> None:
    """Neither a longer, shorter nor non-ASCII one."""
    code, kept = otp.issue(source(123_456), BOUND)

    assert (text == code) == kept.matches(text)


def test_what_is_kept_shows_no_code() -> None:
    """The code, the key and the digest stay out of the repr."""
    code, kept = otp.issue(source(123_456), BOUND)

    assert code not in repr(kept)
    assert repr(kept.digest) not in repr(kept)


RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(
    ("at", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_rfc_6238_appendix_b(at: int, code: str) -> None:
    """The RFC's SHA-1 vectors, cut to six digits."""
    assert at // 30 == otp.totp_step(RFC_SECRET, code, at, -1)


@pytest.mark.parametrize(("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_one_step_early_or_late_is_accepted(steps: int, accepted: bool) -> None:
    """Clocks may differ by one step."""
    code = pyotp.TOTP(SECRET).at(int(NOW) + 30 * steps)

    assert (int(NOW) // 30 + steps if accepted else None) == otp.totp_step(SECRET, code, NOW, -1)


def test_a_step_is_accepted_once() -> None:
    """The last accepted step, and those before it, are spent."""
    step = int(NOW) // 30
    code = pyotp.TOTP(SECRET).at(int(NOW))

    assert step == otp.totp_step(SECRET, code, NOW, step - 1)
    assert otp.totp_step(SECRET, code, NOW, step) is None


@given(st.text(max_size=12))
def test_any_text_is_a_wrong_code_at_most(text: str) -> None:
    """Foreign text never raises."""
    assert otp.totp_step(SECRET, text, NOW, int(NOW)) is None


@pytest.mark.parametrize(("secret", "usable"), [(SECRET, True), ("", False), ("AAAA", False), ("not base32!", False)])
def test_totp_usable(secret: str, usable: bool) -> None:
    """A secret that cannot be decoded, or is too short to be one, is not used."""
    assert usable == otp.totp_usable(secret)
