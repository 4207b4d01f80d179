"""Limits at the wire."""

from __future__ import annotations

import math
from typing import Any

import pytest

from voiceguard.errors import ConfigurationError
from voiceguard.ingest import IngestOptions


@pytest.mark.parametrize(
    "limits", [{"max_text_bytes": 0}, {"max_binary_bytes": -1}, {"max_gap_s": math.nan}, {"max_gap_s": math.inf}]
)
def test_limits_that_limit_nothing(limits: dict[str, Any]) -> None:
    """A limit that could never hold, or would refuse everything, is the operator's mistake."""
    with pytest.raises(ConfigurationError):
        IngestOptions(**limits)
