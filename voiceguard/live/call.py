"""One live call: events go into the `Call`, its outcomes to scores, records, decisions, live feed and stream.

`receive` is synchronous, so a call needs no lock and audio never waits for the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from voiceguard.adapters.store import StoreError
from voiceguard.call import Call
from voiceguard.errors import PeerError
from voiceguard.events import (
    ActionDecided,
    ActionOverruled,
    ActionRequested,
    Asker,
    CallEnded,
    CallInput,
    CallStarted,
    CodeToDeliver,
    ConsentChanged,
    ConsentSaid,
    CustomerFacts,
    HandoverAnswered,
    KnownVoices,
    MediaPaused,
    Outcome,
    Reason,
    RiskChanged,
    ScoreRequested,
    TimePassed,
    VoiceAsked,
    VoiceTaken,
    as_record,
)
from voiceguard.live.consent import Agreed
from voiceguard.live.context import LiveContext
from voiceguard.live.decisions import LATE, Decisions
from voiceguard.live.feed import CallView
from voiceguard.live.grants import CallGrants
from voiceguard.live.handovers import Handovers
from voiceguard.live.journal import Journal
from voiceguard.live.recorder import Recorder
from voiceguard.live.scoring import Scoring
from voiceguard.live.voices import VoiceRequests, remember
from voiceguard.policy.actions import awaits, one_person
from voiceguard.privacy.consent import Kind, Standing

MACHINE = Asker()

_CORRECTED = Reason("customer_corrected", "A person corrected whom the caller claims to be: ask for the action again.")
MAX_ACTIONS = 200
"""What one call may ask for: each is kept until its end."""


def _nowhere(_: Mapping[str, Any]) -> None:
    """Take a message that no stream waits for."""


def _wording(started: CallStarted) -> str:
    """Version of the words that the caller agreed to, where the platform says it."""
    return started.metadata.get("consent_wording", "")


class LiveCall:
    """One call from its start to its end; `voiceguard.live.registry` opens it.

    `owner`: the protocol and key that its first stream came with. `payer`: on whose quota it goes. `send` takes the
    messages for the stream and must not block. `on_replaced` is called when another stream takes over, `on_closed` when
    the record is complete.
    """

    def __init__(
        self, context: LiveContext, started: CallStarted, core: Call, owner: str,
        send: Callable[[Mapping[str, Any]], None], on_replaced: Callable[[], None],
        on_closed: Callable[[LiveCall, str], None], payer: str = "",
    ) -> None:
        call_id = started.call_id
        self.started = started
        self.core = core
        """The call itself, which another stream of it may go on with after this one ended."""
        self.owner, self.payer = owner, payer
        self.lost_at: float | None = None
        """Unix seconds since when the call has no stream; None while it has one."""
        self.requested: dict[str, ActionRequested] = {}
        """What was asked for, by action id."""
        self.answers: dict[tuple[str, bool, str], tuple[str, asyncio.Task[dict[str, Any]]]] = {}
        """Who asked, whether it was a person, and their idempotency key, to the body's hash and its answer."""
        self.view = CallView(call_id, started.customer_ref, context.now())
        self.recorder = Recorder(context, call_id)
        self.journal = Journal(context, self.view, self.recorder)
        self.handovers = Handovers(self.recorder.add, context.settings.desk.orphan_s)
        self.decisions = Decisions(context, call_id, self.recorder, self._tell, self._decision_told, self.overrule)
        self.grants = CallGrants(context, call_id, self.decisions.idle)
        self.voices = VoiceRequests(self.receive)
        self._context = context
        self._send = send
        self._on_replaced = on_replaced
        self._on_closed = on_closed
        self.consent = Agreed(context, self.recorder, started.consent)
        self._scoring = Scoring(context, self.receive)
        self._closing: asyncio.Task[None] | None = None
        self._over = False

    # ── events in ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self, agreed: Standing, refused: Collection[Kind] = ()) -> None:
        """Record the start and begin to tell decisions. `agreed`: what the ledger says of the caller; `refused`: kinds
        of data that are not used for want of consent."""
        self.decisions.start()
        self.recorder.add("started", {**as_record(self.started), "owner": self.owner})
        self.journal.unread(self.started, self.core.heard_s)
        self.consent.say(self.started.consent, wording=_wording(self.started))
        self.consent.refuse_uses(refused)
        self.receive(self.started)
        self.agree(agreed)
        await self.recorder.flush()

    def attach(
        self, started: CallStarted, send: Callable[[Mapping[str, Any]], None], on_replaced: Callable[[], None]
    ) -> None:
        """Go on with another stream, whose start carries what the call had; an older stream is told of it."""
        self._on_replaced()
        self.consent.say(started.consent, wording=_wording(started))
        started = replace(started, consent=self.consent.given)
        self._send, self._on_replaced = send, on_replaced
        lost_s = 0.0 if self.lost_at is None else self._context.now() - self.lost_at
        self.lost_at = None
        self.started = started
        facts = {"encoding": started.encoding, "consent": sorted(started.consent), "lost_s": round(lost_s, 1)}
        self.recorder.add("stream_resumed", facts)
        self.journal.stream("stream_resumed", self.core.heard_s, lost_s)
        self.journal.unread(started, self.core.heard_s)
        self.receive(started)
        for message in self.decisions.told.values():
            send(message)

    def agree(self, standing: Standing) -> None:
        """Serve what the caller agrees to by the ledger, and by what the stream said."""
        if self.consent.take(standing):
            self._serve_agreed()

    async def hear_consent(self, said: ConsentSaid) -> None:
        """The caller agrees, or withdraws, on the stream."""
        self.consent.say(said.given, said.withdrawn, said.wording, anew=True)
        self._serve_agreed()
        await self.recorder.flush()

    def _serve_agreed(self) -> None:
        given, withdrawn = self.consent.given, self.consent.withdrawn
        self.started = replace(self.started, consent=given)
        if "transcript" in withdrawn:
            self.view.forget_words()
        self.view.add_event("consent", self.core.heard_s, given=sorted(given), withdrawn=sorted(withdrawn))
        self.receive(ConsentChanged(given, withdrawn))

    def lose_stream(self, reason: str) -> None:
        """The stream broke: the call waits for another, paused."""
        self._send, self._on_replaced, self.lost_at = _nowhere, lambda: None, self._context.now()
        self.recorder.add("stream_lost", {"reason": reason})
        self.journal.stream("stream_lost", self.core.heard_s)
        self.receive(MediaPaused())

    async def hand_on(self) -> None:
        """Another worker goes on with the call: its stream here is told, and everything is recorded."""
        self._on_replaced()
        await self.close(CallEnded("moved"))

    def receive(self, event: CallInput) -> None:
        """One event in; its outcomes are on their way when this returns."""
        if self._over:
            return
        for outcome in self.core.receive(event, self._context.now()):
            self._dispatch(outcome)
        self.view.speech = self.core.speech

    def tick(self, present: Collection[str]) -> None:
        """Let time-outs fire, and raise an alarm for handovers without a person; `present`: who follows the calls."""
        self.receive(TimePassed())
        for action_id in self.decisions.late(self._context.now()):
            self.overrule(action_id, LATE)
        for orphan in self.handovers.watch(self._context.now(), present):
            self._context.metrics.orphans.labels(orphan.tier).inc()
            self.journal.handovers(self.handovers)

    async def request(
        self, action_id: str, action: str, parameters: Mapping[str, str], asker: Asker = MACHINE
    ) -> None:
        """Look the customer up and ask for an action; a store that cannot be asked means an unknown customer.

        Raises PeerError, not fatal, for more actions than one call may ask for.
        """
        self.check_action_limit()
        customer: CustomerFacts | None = None
        self.requested[action_id] = ActionRequested(action_id, action, parameters, None, asker)
        self.decisions.expect(action_id)
        if self.started.customer_ref is not None:
            try:
                customer = await self._context.store.customers.find(self.started.customer_ref)
            except StoreError:
                self._context.metrics.store_errors.inc()
        if action_id not in self.decisions.told:  # or it was overruled while the store looked
            self.requested[action_id] = asked = ActionRequested(action_id, action, parameters, customer, asker)
            self.receive(asked)

    def check_action_limit(self) -> None:
        """Raises PeerError, not fatal, when this call has asked for all the actions that it may."""
        if len(self.requested) >= MAX_ACTIONS:
            raise PeerError("too_many_actions", f"one call may ask for {MAX_ACTIONS} actions", fatal=False)

    def name_customer(
        self, customer_ref: str, known: KnownVoices, refused: Collection[Kind] = (), by: Mapping[str, str] | None = None
    ) -> None:
        """Say whom the caller claims to be, where the start did not; `known`: what the voice is compared with now.

        `by`: the `person` who corrects an earlier claim, and the `reason`, for the record: what was granted is dead
        then, and what was asked for and is still open is denied. Raises PeerError, not fatal, for a call that claims
        another customer when nobody corrects it.
        """
        before = self.started.customer_ref
        if before == customer_ref:
            return
        if before is not None and by is None:
            raise PeerError("customer_named", "this call claims another customer", fatal=False)
        self.started = replace(self.started, customer_ref=customer_ref)
        self.view.customer_ref = customer_ref
        if by is None:
            self.recorder.add("customer_named", {"customer_ref": customer_ref})
        else:
            self.recorder.add(
                "customer_named", {"customer_ref": customer_ref, "person": by["person"], "reason": by["reason"]}
            )
        if before is not None:
            self.grants.revoke(_CORRECTED.code)
            self._deny_open(_CORRECTED)
        self.consent.refuse_uses(refused)
        self.receive(known)
        self._context.hub.changed(self.started.call_id)

    def _deny_open(self, reason: Reason) -> None:
        """Deny what is not yet told as allowed or denied."""
        for action_id, asked in self.requested.items():
            if self.decisions.told.get(action_id, {}).get("decision") not in ("allow", "deny"):
                self._tell_overruled(ActionOverruled(asked, reason.code, reason.text, is_denied=True))

    def answer(self, event: HandoverAnswered, *, is_person: bool = False) -> None:
        """A person's answer to a handover; who and why are recorded whatever comes of it.

        Raises PeerError, not fatal, for an answer that the action does not await, for an approval or confirmation of
        what is unattended, for somebody has to take it first, and for an approval by who asked for it.
        """
        decided = self.decisions.decided.get(event.action_id)
        if decided is None or decided.state not in awaits(event.verdict):
            raise PeerError("not_awaited", "this answer is not awaited for this action", fatal=False)
        asked_by = {one_person(self.requested[event.action_id].asker.name), one_person(decided.confirmed_by or "")}
        if event.verdict == "approve" and one_person(event.person) in asked_by:
            self.recorder.add("own_request", {"action_id": event.action_id, "person": event.person})
            raise PeerError("own_request", "who asked for an action does not approve it", fatal=False)
        self.handovers.answer(event, self._context.now(), is_person=is_person)
        self.receive(event)

    def overrule(self, action_id: str, reason: Reason, *, is_denied: bool = False) -> dict[str, Any]:
        """Put an action into a person's hands, or deny it where nobody could allow it; returns the `decision` message.

        What was told as allowed or denied stays so. `is_denied`: the record denied it, and who recorded it tells it.
        """
        told = self.decisions.told.get(action_id)
        if told is not None and told["decision"] in ("allow", "deny"):
            return told
        self._tell_overruled(ActionOverruled(self.requested[action_id], reason.code, reason.text, is_denied),
                             is_told=is_denied)
        self._context.hub.changed(self.started.call_id)
        return self.decisions.told.get(action_id, {})

    def _tell_overruled(self, event: ActionOverruled, *, is_told: bool = False) -> None:
        """Let the call overrule its own decision, and tell it before it is recorded; `is_told`: somebody else tells."""
        for outcome in self.core.receive(event, self._context.now()):
            if isinstance(outcome, ActionDecided) and not is_told:
                self.decisions.tell_first(outcome)

    # ── outcomes out ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _dispatch(self, outcome: Outcome) -> None:
        match outcome:
            case ScoreRequested():
                self._scoring.ask(outcome)
            case RiskChanged(risk):
                self.grants.risk_is(risk.band)
                self._tell(self.journal.risk(risk))
            case ActionDecided() | CodeToDeliver():
                if isinstance(outcome, ActionDecided) and outcome.grant is not None:
                    self.grants.given(outcome.grant.jti)
                self.decisions.put(outcome)
            case _:
                self.journal.note(outcome)
                if isinstance(outcome, VoiceTaken):
                    self.voices.answer(outcome)

    def _tell(self, message: Mapping[str, Any]) -> None:
        self._send(message)

    def _decision_told(self, decided: ActionDecided, body: Mapping[str, Any]) -> None:
        self.journal.decision(decided, body)
        self.handovers.decided(decided, self._context.now())
        self.journal.handovers(self.handovers)

    async def idle(self) -> None:
        """Return when every window that was cut is scored, and every decision told."""
        await self._scoring.idle()
        await self.decisions.idle()

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_closing(self) -> bool:
        """Whether the end is under way or done, so that no stream can go on with this object."""
        return self._closing is not None

    async def close(self, ended: CallEnded) -> None:
        """End the call, once: windows already cut are answered first, then everything is recorded.

        Who waits may be cancelled; the closing goes on, and others can wait for it.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(ended), name=f"close:{self.started.call_id}")
        await asyncio.shield(self._closing)

    async def _close(self, ended: CallEnded) -> None:
        if ended.reason != "shutdown":
            await self._scoring.idle()
        linked = self.voices.ask(VoiceAsked("link", "voiceguard")) if self._context.voices.is_linking else None
        self.receive(ended)
        if linked is not None and linked.done():
            await remember(self._context, self.started, linked.result(), self.consent.withdrawn)
        self._over = True
        self._scoring.cancel()
        self.handovers.abandon()
        self.journal.handovers(self.handovers)
        self.recorder.add("ended", {"reason": ended.reason})
        try:
            await self.grants.close(self.decisions.close)
        finally:
            self.voices.cancel()
            self._on_closed(self, ended.reason)
