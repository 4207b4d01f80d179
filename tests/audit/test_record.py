"""Canonical bytes."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.audit.record import canonical

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner),
    max_leaves=12,
)


@given(_JSON)
def test_canonical_bytes_are_json_that_says_the_same(data: object):
    """What comes back equals what went in, and has the same bytes."""
    again = json.loads(canonical(data))

    assert again == data
    assert canonical(data) == canonical(again)


def test_the_order_of_keys_does_not_matter():
    """RFC 8785 section 3.2.3."""
    assert b'{"a":1,"b":[2.5,1e+21]}' == canonical({"b": [2.5, 1e21], "a": 1})


@pytest.mark.parametrize("data", [math.nan, math.inf, 2**60, b"bytes", {1: "key"}, object()])
def test_what_json_cannot_say_is_refused(data: object):
    """Never a silent stand-in."""
    with pytest.raises(ValueError, match="canonical"):
        canonical(data)
