"""What FreeSWITCH's fork modules are told."""

from __future__ import annotations

from typing import Any

import pytest

from voiceguard.ingest.freeswitch import FORK, STREAM


@pytest.mark.parametrize(("message", "types"), [
    ({"type": "started"}, ["json"]),
    ({"type": "risk", "score": 7}, ["json"]),
    ({"type": "decision", "decision": "allow"}, ["json"]),
    ({"type": "decision", "decision": "step_up"}, ["json"]),
    ({"type": "decision", "decision": "handover"}, ["json", "transfer"]),
    ({"type": "decision", "decision": "deny"}, ["json", "disconnect"]),
    ({"type": "error", "code": "bad_json"}, ["error"]),
    ({"type": "stopped"}, ["json"]),
])
def test_fork(message: dict[str, Any], types: list[str]) -> None:
    """mod_audio_fork has an event for each type, whose body is our message."""
    assert [{"type": kind, "data": message} for kind in types] == FORK.word(message)


def test_stream() -> None:
    """mod_audio_stream hands any JSON on."""
    message = {"type": "decision", "decision": "deny"}

    assert [message] == STREAM.word(message)


def test_never_a_grant() -> None:
    """FreeSWITCH's events are for everybody, and in its log."""
    message = {"type": "decision", "decision": "allow", "grant": "a.signed.grant"}

    assert "grant" not in str(FORK.word(message)) + str(STREAM.word(message))
