"""Canonical bytes."""

from __future__ import annotations

import json
import math
import struct

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
def test_canonical_bytes_are_json_that_says_the_same(data: object) -> None:
    """What comes back equals what went in, and has the same bytes."""
    again = json.loads(canonical(data))

    assert again == data
    assert canonical(data) == canonical(again)


def test_the_order_of_keys_does_not_matter() -> None:
    """RFC 8785 section 3.2.3."""
    assert b'{"a":1,"b":[2.5,1e+21]}' == canonical({"b": [2.5, 1e21], "a": 1})


def test_keys_are_in_the_order_of_their_utf_16_code_units() -> None:
    """The example of RFC 8785 section 3.2.3: an emoji's surrogates come before U+FB33."""
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    ordered = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]

    assert ordered == list(json.loads(canonical(dict.fromkeys(keys))))


@pytest.mark.parametrize(("bits", "text"), [
    ("8000000000000000", b"0"),
    ("0000000000000001", b"5e-324"),
    ("7fefffffffffffff", b"1.7976931348623157e+308"),
    ("4340000000000001", b"9007199254740994"),
    ("44b52d02c7e14af5", b"9.999999999999997e+22"),
    ("44b52d02c7e14af6", b"1e+23"),
    ("444b1ae4d6e2ef4e", b"999999999999999700000"),
    ("444b1ae4d6e2ef50", b"1e+21"),
    ("3eb0c6f7a0b5ed8c", b"9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", b"0.000001"),
    ("41b3de4355555553", b"333333333.3333332"),
    ("41b3de4355555557", b"333333333.33333343"),
    ("becbf647612f3696", b"-0.0000033333333333333333"),
    ("43143ff3c1cb0959", b"1424953923781206.2"),
])
def test_numbers_are_written_as_ecmascript_writes_them(bits: str, text: bytes) -> None:
    """Samples of RFC 8785 appendix B."""
    assert text == canonical(struct.unpack(">d", bytes.fromhex(bits))[0])


@pytest.mark.parametrize("data", [
    math.nan, math.inf, 2**60, b"bytes", {1: "key"}, object(), "\ud800", {"\ud800": 1},
])
def test_what_json_cannot_say_is_refused(data: object) -> None:
    """Never a silent stand-in."""
    with pytest.raises(ValueError, match="canonical"):
        canonical(data)
