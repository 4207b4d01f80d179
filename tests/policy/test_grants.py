"""Grants: what they claim, and the hash of their parameters."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from voiceguard.events import Grant
from voiceguard.policy.grants import AUDIENCE, claims, parameters_sha256


def test_claims() -> None:
    """RFC 7519 names, and what the grant is bound to; the expiry is never rounded up."""
    grant = Grant("jti-1", "call-1", "customer-1", "refund", "ab", 1120.9)

    assert {
        "iss": "bank", "aud": AUDIENCE, "sub": "customer-1", "jti": "jti-1", "exp": 1120, "call_id": "call-1",
        "action": "refund", "parameters_sha256": "ab",
    } == claims(grant, "bank")


def test_parameters_are_hashed_as_canonical_json() -> None:
    """RFC 8785: sorted, no spaces, UTF-8 as it is."""
    expected = hashlib.sha256('{"amount":"12","to":"Zoë"}'.encode()).hexdigest()

    assert expected == parameters_sha256({"to": "Zoë", "amount": "12"})


def test_keys_are_sorted_by_utf_16() -> None:
    """RFC 8785 section 3.2.3: U+1F600 comes before U+FB33."""
    expected = hashlib.sha256('{"\U0001f600":"1","\ufb33":"2"}'.encode()).hexdigest()

    assert expected == parameters_sha256({"\ufb33": "2", "\U0001f600": "1"})


ANY_TEXT = st.text(st.characters(), max_size=8)
PARAMETERS = st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=4)


@given(PARAMETERS, PARAMETERS)
def test_other_parameters_have_another_hash(first: dict[str, str], second: dict[str, str]) -> None:
    """Order does not matter, everything else does; lone surrogates do not raise."""
    assert (first == second) == (parameters_sha256(first) == parameters_sha256(second))
    assert parameters_sha256(first) == parameters_sha256(dict(reversed(first.items())))


def test_lone_surrogates_are_hashed() -> None:
    """Text that JSON can carry and UTF-8 cannot."""
    assert parameters_sha256({"a": "\ud800"}) != parameters_sha256({"a": "\ud801"})
