"""Results as files."""

import json

from benchmarks.results_file import as_lines


def test_a_condition_takes_one_line() -> None:
    """Outer objects are spread over lines, inner ones are not, and floats keep four digits."""
    text = as_lines({"models": {"a": {"x": [1.23456, 2], "y": {"deep": {"er": 0.5}}}}, "none": {}}, levels=2)

    assert text.count("\n") == 5
    assert json.loads(text) == {"models": {"a": {"x": [1.2346, 2], "y": {"deep": {"er": 0.5}}}}, "none": {}}
