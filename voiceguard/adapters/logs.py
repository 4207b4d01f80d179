"""Log lines: JSON on a server, readable text on a terminal, and only fields of an allow-list.

Nothing else may reach a log, so that no secret, one-time code, transcript or audio can: a field that is not named here
is dropped before the line is rendered. Exceptions are logged by type and place; their text is logged only where it is
one of our own errors, whose texts hold no values of callers.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

import structlog

from voiceguard.errors import VoiceguardError

Format = Literal["auto", "json", "text"]
Level = Literal["debug", "info", "warning", "error"]
FIELDS = frozenset({
    "event", "level", "timestamp",
    "call_id", "protocol", "key", "job", "worker", "code", "reason", "status", "method", "route", "error", "where",
    "address", "data_dir", "database", "policy", "models", "version", "count", "seconds",
})
"""Names of the fields that a line may have."""


def configure(level: Level = "info", form: Format = "auto") -> None:
    """Send log lines to standard error. `auto`: text where that is a terminal, JSON elsewhere."""
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    renderer: Any = structlog.dev.ConsoleRenderer() if text else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso", utc=True),
            only_listed_fields,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # as it is then: tests replace and close it
        cache_logger_on_first_use=False,
    )


def only_listed_fields(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Drop every field that is not in `FIELDS`."""
    return {name: value for name, value in event.items() if name in FIELDS}


def described(error: BaseException) -> dict[str, str]:
    """`error` and `where` of a log line: the type, our own errors' text, and the module and line that raised it."""
    text = f": {error}" if isinstance(error, VoiceguardError) else ""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    where = "" if step is None else f"{step.tb_frame.f_globals.get('__name__', '?')}:{step.tb_lineno}"
    return {"error": type(error).__name__ + text, "where": where}


configure("warning")  # whoever configures nothing still logs no field that is not listed
