"""Handovers of one call: from which rule to whom, since when, and whether anybody is there.

A handover that nobody has taken, or whose every taker has left the desk, is an orphan after some seconds. It alarms,
and until somebody takes it nobody's approval counts: nothing is ever allowed by an orphan.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from voiceguard.errors import PeerError
from voiceguard.events import ActionDecided, ActionState, HandoverAnswered, as_record

Record = Callable[..., None]
"""A kind of record and its facts, for the call's chain."""


_WAITING = (ActionState.HANDED_OVER, ActionState.PREPARED)
"""For a person."""


@dataclass
class Handover:
    """One action in people's hands. Times are Unix seconds."""

    action_id: str
    action: str
    tier: str
    source: str
    """The rule that handed it over."""
    reasons: list[dict[str, str]]
    offered_at: float
    attended_at: float
    """When somebody who took it was last there, or when it was offered."""
    taken_by: dict[str, float] = field(default_factory=dict)
    """Who took it, and when."""
    approved_by: list[str] = field(default_factory=list)
    orphaned_at: float | None = None
    """Since when it is an orphan; None while it is not."""
    prepared_by: str | None = None
    """The assistant that prepared it: it waits to be confirmed, and then for the policy; None for a handover."""
    outcome: str | None = None
    """approved, confirmed, refused, or abandoned when the call ended first; None while it is open."""

    def shown(self) -> dict[str, Any]:
        """For the live feed."""
        return {
            "action_id": self.action_id, "action": self.action, "tier": self.tier, "source": self.source,
            "reasons": self.reasons, "offered_at": self.offered_at,
            "taken_by": [{"person": person, "at": at} for person, at in self.taken_by.items()],
            "approved_by": self.approved_by, "orphaned_at": self.orphaned_at, "outcome": self.outcome,
            "prepared_by": self.prepared_by,
        }


@dataclass
class Handovers:
    """Those of one call. `record` puts what happens to them in the call's chain."""

    record: Record
    orphan_s: float
    """Seconds without a person that make an orphan."""
    by_action: dict[str, Handover] = field(default_factory=dict)
    _machines: set[str] = field(default_factory=set)
    """Takers that came by a key: whether they are there cannot be seen."""

    def answer(self, event: HandoverAnswered, now: float, *, is_person: bool) -> None:
        """Somebody answers, which is recorded whatever comes of it: by a key their presence cannot be seen, and is
        believed.

        Raises PeerError, not fatal, for an approval or confirmation of an orphan.
        """
        self.record("handover_answered", as_record(event))
        (self._machines.discard if is_person else self._machines.add)(event.person)
        if event.verdict in ("approve", "confirm") and self.is_orphan(event.action_id, now):
            raise PeerError("orphaned", "nobody holds this handover: take it over first", fatal=False)

    def decided(self, decided: ActionDecided, now: float) -> None:
        """A decision was told: it may open a handover, take it, count an approval or end it."""
        handover = self.by_action.get(decided.action_id)
        if handover is not None and handover.prepared_by is not None and handover.outcome is None:
            self._confirmed_or_not(handover, decided, now)
        if decided.state in _WAITING and (handover is None or handover.outcome is not None):
            handover = self.by_action[decided.action_id] = Handover(
                decided.action_id, decided.action, decided.tier, decided.rule,
                [{"code": reason.code, "text": reason.text} for reason in decided.reasons], now, now,
                prepared_by=decided.prepared_by if decided.state is ActionState.PREPARED else None,
            )
            self.record("handover_offered", {
                "action_id": decided.action_id, "source": decided.rule,
                "reasons": [reason.code for reason in decided.reasons],
            })
            if decided.rule != "accepted" and decided.confirmed_by is not None:
                return  # who confirmed it has not approved it
        if handover is None or handover.outcome is not None:
            return
        if decided.person is not None and decided.state in _WAITING:
            handover.taken_by.setdefault(decided.person, now)
            handover.attended_at, handover.orphaned_at = now, None
            if decided.rule != "accepted" and decided.person not in handover.approved_by:
                handover.approved_by.append(decided.person)
        if decided.state not in _WAITING:
            handover.outcome = "approved" if decided.state is ActionState.ALLOWED else "refused"
            if decided.person is not None:
                handover.taken_by.setdefault(decided.person, now)
            if handover.outcome == "approved" and decided.person not in (None, *handover.approved_by):
                handover.approved_by.append(str(decided.person))
            self._ended(handover)

    def _confirmed_or_not(self, handover: Handover, decided: ActionDecided, now: float) -> None:
        """A prepared action that waits no more was confirmed, or refused, by somebody."""
        if decided.state is not ActionState.PREPARED:
            handover.outcome = "refused" if decided.confirmed_by is None else "confirmed"
            if decided.person is not None:
                handover.taken_by.setdefault(decided.person, now)
            self._ended(handover)

    def is_orphan(self, action_id: str, now: float) -> bool:
        """Whether nobody's approval may count."""
        handover = self.by_action.get(action_id)
        return handover is not None and handover.outcome is None and now - handover.attended_at >= self.orphan_s

    def watch(self, now: float, present: Collection[str]) -> list[Handover]:
        """Those that have become orphans just now; `present`: who follows the calls."""
        found = []
        for handover in self.by_action.values():
            if handover.outcome is not None or handover.orphaned_at is not None:
                continue
            if any(person in present or person in self._machines for person in handover.taken_by):
                handover.attended_at = now
            elif self.is_orphan(handover.action_id, now):
                handover.orphaned_at = now
                self.record("handover_orphaned", {
                    "action_id": handover.action_id, "taken_by": list(handover.taken_by),
                    "alone_s": round(now - handover.attended_at, 1),
                })
                found.append(handover)
        return found

    def abandon(self) -> None:
        """The call is over: what is open stays undecided for ever."""
        for handover in self.by_action.values():
            if handover.outcome is None:
                handover.outcome = "abandoned"
                self._ended(handover)

    def shown(self) -> list[dict[str, Any]]:
        """For the live feed."""
        return [handover.shown() for handover in self.by_action.values()]

    def _ended(self, handover: Handover) -> None:
        self.record("handover_ended", {
            "action_id": handover.action_id, "outcome": handover.outcome, "taken_by": list(handover.taken_by),
            "approved_by": handover.approved_by,
        })
