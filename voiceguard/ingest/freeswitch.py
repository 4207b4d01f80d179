"""What FreeSWITCH's two fork modules say of a call and understand of us; see `voiceguard.ingest.fork`.

The first message is the `metadata` of the module's `start` command, written by the dialplan: `call_id`, `customer_ref`,
`consent`, `mixType` and `sampleRate` as the command has them, and strings that are kept. What we say becomes events of
FreeSWITCH, which every listener sees and mod_audio_stream logs: never a grant, which is asked for through the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from voiceguard.ingest.fork import Dialect

SUBPROTOCOLS: Final = ("audio.drachtio.org", "audio.jambonz.org")
"""By which mod_audio_fork is known; mod_audio_stream offers none."""
_EVENTS: Final = {"handover": "transfer", "deny": "disconnect"}
"""Decisions that mod_audio_fork has an event for, `mod_audio_fork::transfer` or `::disconnect`: it leaves the
call as it is, and the application acts."""


def _as_fork(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Errors as `error`, all else as `json`, and some decisions once more as what they ask for."""
    data = _public(message)
    worded = [{"type": "error" if message["type"] == "error" else "json", "data": data}]
    if message["type"] == "decision" and message["decision"] in _EVENTS:
        worded.append({"type": _EVENTS[message["decision"]], "data": data})
    return worded


def _as_stream(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """As it is: mod_audio_stream hands any JSON on, as its event `mod_audio_stream::json`."""
    return [_public(message)]


def _public(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "grant"}


FORK: Final = Dialect("call_id", None, _as_fork)
STREAM: Final = Dialect("call_id", None, _as_stream)
