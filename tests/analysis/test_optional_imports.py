"""Packages of extras, present and missing."""

from __future__ import annotations

import math

import pytest

from voiceguard.analysis import optional_imports
from voiceguard.errors import ConfigurationError


def test_a_module_that_is_there_is_loaded() -> None:
    """As if it were imported."""
    assert math is optional_imports.load("math")
    optional_imports.need(("math", *optional_imports.REPORT))


@pytest.mark.parametrize(
    "use", [lambda: optional_imports.load("no_such"), lambda: optional_imports.need(("math", "no_such"))]
)
def test_a_missing_module_names_its_extra(use: object) -> None:
    """With the command that installs it."""
    with pytest.raises(ConfigurationError, match=r"^no_such is not installed; .*\[analysis\]'$"):
        use()  # type: ignore[operator]
