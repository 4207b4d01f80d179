"""Stream tokens: for one call, for a while, and unforgeable."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.errors import AuthenticationError
from voiceguard.ingest.stream_token import check_stream_token, make_stream_token

SECRET = "stream-secret"
NONCE = "nonce-0123456789"


def test_token() -> None:
    """A token gives its nonce for its call until it ends."""
    token = make_stream_token("CA1", 1060, NONCE, SECRET)

    assert check_stream_token(token, "CA1", 1000.0, SECRET) == NONCE


@pytest.mark.parametrize(
    ("call_sid", "now", "secret"),
    [("CA2", 1000.0, SECRET), ("CA1", 1060.0, SECRET), ("CA1", 1060.0 - 3601, SECRET), ("CA1", 1000.0, "other")],
    ids=["another call", "too late", "too early", "another secret"],
)
def test_token_refused(call_sid: str, now: float, secret: str) -> None:
    """Another call's, old, made for too long, or forged."""
    with pytest.raises(AuthenticationError):
        check_stream_token(make_stream_token("CA1", 1060, NONCE, SECRET), call_sid, now, secret)


@given(at=st.integers(0, 200), character=st.characters())
def test_token_altered(at: int, character: str) -> None:
    """No character of a token can be changed."""
    token = make_stream_token("CA1", 1060, NONCE, SECRET)
    at %= len(token)
    altered = token[:at] + character + token[at + 1 :]
    if altered != token:
        with pytest.raises(AuthenticationError):
            check_stream_token(altered, "CA1", 1000.0, SECRET)


def test_nonce_form() -> None:
    """A nonce that could be guessed or could blur the token's fields is refused."""
    for nonce in ("short", "dots.dots.dots.dots"):
        with pytest.raises(ValueError, match="nonce"):
            make_stream_token("CA1", 1060, nonce, SECRET)


@given(st.text(), st.text())
def test_any_token(token: str, call_id: str) -> None:
    """Nothing raises anything else."""
    with contextlib.suppress(AuthenticationError):
        check_stream_token(token, call_id, 1000.0, SECRET)
