"""Number words and their values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.text.numerals import values


@pytest.mark.parametrize("text", ["205", "two hundred and five", "two oh five", "205.00", "dos cero cinco",
    "zwei null fünf"])
def test_numbers_are_compared_by_value(text: str) -> None:
    """Whatever their form."""
    assert 205 in set(values(text))


@given(st.text(max_size=300))
def test_no_text_is_a_fault(text: str) -> None:
    """Values are whole numbers."""
    assert all(isinstance(value, int) for value in values(text))
