"""What happens in one call, for its chain of records and for the people who follow it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from voiceguard.events import ActionDecided, CallStarted, MediaNoted, Risk, TextFlagged, TranscriptMasked
from voiceguard.live.context import LiveContext
from voiceguard.live.feed import CallView
from voiceguard.live.handovers import Handovers
from voiceguard.live.messages import risk_body
from voiceguard.live.notes import Note, event_of, record_of
from voiceguard.live.recorder import Recorder
from voiceguard.text.pii import marks

log = structlog.get_logger()


class Journal:
    """Writes a call's news into its records and its view, and tells the hub that there is some."""

    def __init__(self, context: LiveContext, view: CallView, recorder: Recorder) -> None:
        self._context = context
        self._view = view
        self._recorder = recorder

    def note(self, note: Note) -> None:
        """Record and show an outcome, as far as it is to be."""
        if (record := record_of(note)) is not None:
            self._recorder.add(*record)
        if (event := event_of(note)) is not None:
            kind, at_s, facts = event
            self._view.add_event(kind, at_s, **facts)
        self._count(note)
        self._changed()

    def _count(self, note: Note) -> None:
        metrics = self._context.metrics
        match note:
            case TextFlagged(source):
                metrics.orders.labels(source).inc()
            case TranscriptMasked(text=text):
                for kind in marks(text):
                    metrics.masked.labels(kind).inc()
            case MediaNoted(kind=kind, ms=ms) if kind not in ("paused", "resumed"):
                metrics.media_ms.labels(kind).inc(ms)
            case _:
                pass

    def risk(self, risk: Risk) -> Mapping[str, Any]:
        """Record and show a risk; returns its `risk` message."""
        body = risk_body(self._view.call_id, risk, self._context.models, self._context.policy)
        self._recorder.add("risk", {name: body[name] for name in body if name not in ("type", "call_id")})
        self._view.add_risk(body)
        self._changed()
        return body

    def stream(self, kind: str, at_s: float, lost_s: float = 0.0) -> None:
        """Show that the call lost its stream or goes on with another."""
        self._view.add_event("media", at_s, media=kind, channel=None, ms=1000.0 * lost_s)

    def unread(self, started: CallStarted, at_s: float) -> None:
        """Say loudly what of a start's customer and consent nobody can read, and count what was passed over."""
        self._context.metrics.beside.labels("metadata").inc(started.passed_over)
        for name in sorted(started.unreadable):
            log.warning("a call starts without what nobody can read", call_id=self._view.call_id, reason=name)
            self._context.metrics.beside.labels(name).inc()
            self._view.add_event("media", at_s, media=f"{name}_unreadable", channel=None, ms=0.0)

    def decision(self, decided: ActionDecided, body: Mapping[str, Any]) -> None:
        """Show a decision that was told; its record is written before that."""
        shown = {name: body[name] for name in body if name not in ("type", "call_id", "grant", "risk")}
        self._view.add_event("decision", decided.risk.at_s, **shown, person=decided.person)

    def handovers(self, handovers: Handovers) -> None:
        """Show how the call's handovers stand."""
        self._view.handovers = handovers.shown()
        self._changed()

    def _changed(self) -> None:
        self._context.hub.changed(self._view.call_id)
