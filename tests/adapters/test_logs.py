"""Log lines: only listed fields reach them, and exceptions show no values."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from voiceguard.adapters import logs
from voiceguard.errors import ModelError


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_fields_that_are_not_listed_are_dropped(fields: dict[str, str]) -> None:
    """Whatever somebody hands to a log call."""
    assert set(logs.only_listed_fields(None, "", dict(fields))) <= logs.FIELDS


def test_json_line_holds_no_secret() -> None:
    """A code, a token and a text that were handed over by mistake are not in the line; the call id is."""
    stream = io.StringIO()
    with redirect_stderr(stream):
        logs.configure("info", "json")
        log = structlog.get_logger()
        log.info("asked", call_id="call-1", otp="123456", text="my card is", authorization="Bearer x")
    logs.configure("warning")

    line = json.loads(stream.getvalue())
    assert {"event": "asked", "call_id": "call-1", "level": "info"} == {
        name: line[name] for name in line if name != "timestamp"
    }


@pytest.mark.parametrize(
    ("error", "text"),
    [(ValueError("invalid literal: '123456'"), "ValueError"), (ModelError("no file"), "ModelError: no file")],
)
def test_foreign_exceptions_are_logged_without_their_text(error: Exception, text: str) -> None:
    """Their texts may quote input; our own name no values."""
    try:
        raise error
    except type(error) as raised:
        found = logs.described(raised)

    assert text == found["error"]
    assert found["where"].split(":")[0] == __name__
