"""Recorded sessions of tests/wire: what goes in, line by line, and what must come out.

The first line says what the session is and which codec reads it; each other line is one `text`, `binary` (base64) or
`lost`, with the types of its `events` or its `error` (code, close code, fatal); or a message that we `say`, with the
types of the `frames` that it becomes.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.codecs import CODECS
from voiceguard.errors import PeerError
from voiceguard.ingest import IngestOptions

SESSIONS = sorted((Path(__file__).parents[1] / "wire").glob("*.jsonl"))


def _outcome(codec: Any, step: dict[str, Any]) -> dict[str, Any]:
    if "say" in step:
        return {"frames": [json.loads(frame)["type"] for frame in codec.encode(step["say"])]}
    try:
        if "text" in step:
            events = codec.receive_text(step["text"])
        elif "binary" in step:
            events = codec.receive_binary(base64.b64decode(step["binary"]))
        else:
            events = codec.connection_lost()
    except PeerError as error:
        return {"error": [error.code, error.close_code, error.fatal]}
    return {"events": [type(event).__name__ for event in events]}


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_session(path: Path) -> None:
    """Each message of the recording gives its events or its error."""
    head, *steps = map(json.loads, path.read_text().splitlines())
    codec = CODECS[head["codec"]](IngestOptions())

    for step in steps:
        expected = {name: step[name] for name in ("events", "error", "frames") if name in step}
        assert _outcome(codec, step) == expected, step.get("text", "")[:200]


def test_sessions_found() -> None:
    """Of every codec there are recordings, good and broken."""
    for name in CODECS:
        assert {f"{name}_{kind}" for kind in ("bad_input", "vanished", "wrong_order")} <= {
            path.stem for path in SESSIONS
        }
    assert {path.stem.split("_")[0] for path in SESSIONS} == {*CODECS}
