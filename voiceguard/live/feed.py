"""The live feed: what people see of each call now, and whoever follows it.

A follower first gets `{"type": "snapshot", "thresholds": {"elevated": ..., "high": ...}, "calls": [call, ...]}` with
the percents from which these bands hold, then `{"type": "call", "call": call}` for each call that changed and
`{"type": "forget", "call_id": ...}` for one that leaves. A call carries its whole head (`risk`, `ended`, ...) and of
`line`, `contributions`, `speech` and `events` only what the follower lacks, from `line_from`, `speech_from` and
`events_from` on. Changes coalesce per call while
a follower is being written to, so a slow one costs no memory.

Machines of scope `live` see everything that is here; a person sees the topics of their roles, and what is of another
topic is left out before it is sent.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from voiceguard.events.tenants import tenant_of, with_own_names

ENDED_KEPT = 50
"""Ended calls that stay on the page; older ones are read from the store."""


@dataclass(eq=False)
class CallView:
    """One call as people see it; holds masked text only."""

    call_id: str
    customer_ref: str | None
    started_at: float
    """Unix seconds."""
    ended: str | None = None
    at_s: float = 0.0
    risk: Mapping[str, Any] | None = None
    """The latest `risk` message."""
    line: list[tuple[float, int | None, str, str]] = field(default_factory=list)
    """at_s, score, state, band."""
    contributions: list[Mapping[str, float]] = field(default_factory=list)
    """Beside each entry of `line`: source of evidence to what it adds to the log-odds, nats."""
    events: list[Mapping[str, Any]] = field(default_factory=list)
    """Decisions and notes with `kind` and `at_s`."""
    speech: Sequence[tuple[float, float]] = ()
    """Stretches in which the caller speaks, media time in seconds; the last one may grow."""
    handovers: list[dict[str, Any]] = field(default_factory=list)
    """What people have in hand; see `voiceguard.live.handovers`."""
    worker: str | None = None
    """The other worker that holds the call; None: this one."""

    def add_risk(self, risk: Mapping[str, Any]) -> None:
        """A new `risk` message."""
        self.risk, self.at_s = risk, max(self.at_s, risk["at_s"])
        self.line.append((risk["at_s"], risk["score"], risk["state"], risk["band"]))
        self.contributions.append(
            {item["source"]: round(item["contribution"], 2) for item in risk.get("evidence", ())}
        )

    def add_event(self, kind: str, at_s: float, **facts: Any) -> None:
        """A decision or a note."""
        self.at_s = max(self.at_s, at_s)
        self.events.append({"kind": kind, "at_s": at_s, **facts})

    def forget_words(self) -> None:
        """Blank what was said so far: it is read no more."""
        self.events = [{**event, "text": ""} if "text" in event else event for event in self.events]

    def since(self, line_from: int, events_from: int, speech_from: int = 0) -> dict[str, Any]:
        """The head and what came after these positions."""
        return {
            "call_id": self.call_id, "customer_ref": self.customer_ref, "started_at": self.started_at,
            "ended": self.ended, "at_s": self.at_s, "risk": self.risk,
            "line_from": line_from, "line": self.line[line_from:],
            "contributions": self.contributions[line_from:],
            "events_from": events_from, "events": self.events[events_from:],
            "speech_from": speech_from, "speech": list(self.speech[speech_from:]), "handovers": self.handovers,
        }

    def take(self, call: Mapping[str, Any]) -> bool:
        """The other way of `since`: what another worker's view has become; False when something is missing between."""
        for name in ("customer_ref", "ended", "at_s", "risk", "handovers"):
            setattr(self, name, call[name])
        complete: bool = call["line_from"] <= len(self.line) and call["events_from"] <= len(self.events)
        self.line[call["line_from"]:] = [tuple(point) for point in call["line"]]
        self.contributions[call["line_from"]:] = call["contributions"]
        self.events[call["events_from"]:] = call["events"]
        self.speech = [*self.speech[:call["speech_from"]], *map(tuple, call["speech"])]
        return complete


TOPIC_OF: Mapping[str, str] = {
    "decision": "decisions", "intent": "intents", "transcript": "transcript", "flag": "transcript", "media": "media",
    "voice_changed": "risk", "voice_matched": "voices", "verdict": "verdicts",
    "proposal": "verdicts", "consent": "calls",
}
"""Kind of an event to its topic; a kind that is not here is shown to no person."""


def seen(call: dict[str, Any], topics: Collection[str]) -> dict[str, Any]:
    """What of a call's head is of these topics; what is not is null, or left out of the risk."""
    risk = call["risk"]
    if risk is not None and "models" not in topics:
        evidence = [{name: item[name] for name in ("source", "contribution", "windows")} for item in risk["evidence"]]
        kept = ("type", "call_id", "at_s", "net_speech_s", "score", "band", "state")
        risk = {**{name: risk[name] for name in kept}, "evidence": evidence}
    return {
        **call, "customer_ref": call["customer_ref"] if "customer" in topics else None,
        "risk": risk if "risk" in topics else None, "line": call["line"] if "risk" in topics else [],
        "contributions": call["contributions"] if "risk" in topics else [],
        "handovers": call["handovers"] if "handovers" in topics else [],
    }


@dataclass(eq=False)
class Follower:
    """One reader's place in every call."""

    topics: frozenset[str] | None = None
    """What a person sees; None: everything."""
    changed: OrderedDict[str, None] = field(default_factory=OrderedDict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    person: str | None = None
    """Who reads, where it is a person."""
    tenant: str | None = None
    """Whose calls are read, under the names that the tenant knows; None: those of all, under their kept names."""
    is_own: bool = False
    """Whether only the calls that this worker holds are followed."""
    _places: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    """Call to how much of its line, events and speech was read, and how many of these events were sent."""

    def take(self, calls: Mapping[str, CallView]) -> list[dict[str, Any]]:
        """Messages for everything that changed since the last time."""
        ids, self.changed = list(self.changed), OrderedDict()
        self.wake.clear()
        messages: list[dict[str, Any]] = []
        for call_id in ids:
            if not self._may_see(call_id):
                continue
            if (view := calls.get(call_id)) is not None:
                messages.append({"type": "call", "call": self._read(view)})
            elif self._places.pop(call_id, None) is not None:
                messages.append({"type": "forget", "call_id": call_id})
        return messages if self.tenant is None else [with_own_names(message) for message in messages]

    def snapshot(self, views: Iterable[CallView]) -> dict[str, Any]:
        """Everything, whole."""
        whole = {"type": "snapshot", "calls": [self._read(view) for view in views if self._may_see(view.call_id)]}
        return whole if self.tenant is None else dict(with_own_names(whole))

    def restart(self, call_id: str) -> None:
        """What was read of this call is void."""
        self._places.pop(call_id, None)

    def _may_see(self, call_id: str) -> bool:
        return self.tenant in (None, tenant_of(call_id))

    def _read(self, view: CallView) -> dict[str, Any]:
        line_from, events_from, speech_from, sent = self._places.get(view.call_id, (0, 0, 0, 0))
        message = view.since(line_from, events_from, speech_from)
        if self.topics is not None:
            message = seen(message, self.topics)
            events = [event for event in message["events"] if TOPIC_OF.get(event["kind"]) in self.topics]
            message |= {"events_from": sent, "events": events}
        self._places[view.call_id] = (
            len(view.line), len(view.events), max(0, len(view.speech) - 1), sent + len(message["events"])
        )
        return message


class Hub:
    """The views of this process's calls, live and lately ended, and their followers."""

    def __init__(self) -> None:
        self.calls: OrderedDict[str, CallView] = OrderedDict()
        self._followers: set[Follower] = set()

    def start(self, view: CallView) -> None:
        """A call begins; one of the same id that ended before makes room."""
        if self.calls.pop(view.call_id, None) is not None:
            for follower in self._followers:
                follower.restart(view.call_id)
        self.calls[view.call_id] = view
        self.changed(view.call_id)

    def end(self, call_id: str, reason: str) -> None:
        """A call is over; the oldest of too many ended ones are forgotten."""
        view = self.calls[call_id]
        view.ended = reason
        self.calls.move_to_end(call_id)
        self.changed(call_id)
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        ended = [view.call_id for view in self.calls.values() if view.ended]
        for old in ended[: max(0, len(ended) - ENDED_KEPT)]:
            del self.calls[old]
            self.changed(old)

    def note(self, call_id: str, kind: str, **facts: Any) -> None:
        """Show people something that somebody did, where the call is still shown."""
        if (view := self.calls.get(call_id)) is not None:
            view.add_event(kind, view.at_s, **facts)
            self.changed(call_id)

    def changed(self, call_id: str) -> None:
        """Tell every follower that this call has news."""
        view = self.calls.get(call_id)
        for follower in self._followers:
            if not follower.is_own or view is None or view.worker is None:
                follower.changed[call_id] = None
                follower.wake.set()

    def restart(self, follower: Follower) -> None:
        """Let this follower read everything anew."""
        for view in self.calls.values():
            if not follower.is_own or view.worker is None:
                follower.restart(view.call_id)
                follower.changed[view.call_id] = None
        follower.wake.set()

    def mirror(self, worker: str, message: Mapping[str, Any]) -> bool:
        """Take over what another worker's feed says of one of its calls; False when a message before it is missing."""
        if message["type"] == "forget":
            view = self.calls.get(message["call_id"])
            if view is not None and view.worker == worker:
                del self.calls[view.call_id]
                self.changed(view.call_id)
            return True
        call = message["call"]
        call_id, view = call["call_id"], self.calls.get(call["call_id"])
        if view is not None and view.worker != worker:
            if call["ended"] or (view.worker is None and not view.ended):
                return True  # it went on elsewhere since
            view = None
        if view is None or call["started_at"] != view.started_at:
            if call["line_from"] or call["events_from"]:
                return False
            view = CallView(call_id, None, call["started_at"], worker=worker)
            self.start(view)
        complete = view.take(call)
        if view.ended:
            self.calls.move_to_end(call_id)
            self._forget_oldest()
        self.changed(call_id)
        return complete

    def lose_worker(self, worker: str) -> None:
        """Show the live calls of a dead worker as lost."""
        for view in list(self.calls.values()):
            if view.worker == worker and not view.ended:
                view.handovers = [
                    handover | {"outcome": handover["outcome"] or "abandoned"} for handover in view.handovers
                ]
                self.end(view.call_id, "lost")

    @property
    def follower_count(self) -> int:
        """How many follow the calls now."""
        return len(self._followers)

    def people(self) -> set[str]:
        """Who follows the calls at this worker now."""
        return {follower.person for follower in self._followers if follower.person is not None}

    def join(
        self, topics: frozenset[str] | None = None, person: str | None = None, tenant: str | None = None, *,
        is_own: bool = False,
    ) -> Follower:
        """A new follower, who sees these topics of this tenant's calls; hand it to `leave` afterwards.

        `is_own`: only the calls that this worker holds.
        """
        follower = Follower(topics, person=person, tenant=tenant, is_own=is_own)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        """This follower reads no more."""
        self._followers.discard(follower)
