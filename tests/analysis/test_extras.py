"""Packages of extras, present and missing."""

from __future__ import annotations

import math

import pytest

from voiceguard.analysis import extras
from voiceguard.errors import ConfigurationError


def test_a_module_that_is_there_is_loaded() -> None:
    """As if it were imported."""
    assert math is extras.load("math")
    extras.need(("math", *extras.REPORT))


@pytest.mark.parametrize("use", [lambda: extras.load("no_such"), lambda: extras.need(("math", "no_such"))])
def test_a_missing_module_names_its_extra(use: object) -> None:
    """With the command that installs it."""
    with pytest.raises(ConfigurationError, match=r"^no_such is not installed; .*\[analysis\]'$"):
        use()  # type: ignore[operator]
