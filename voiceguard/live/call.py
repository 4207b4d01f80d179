"""A live call: carries events into the `Call`, and its outcomes to scheduler, store, delivery, stream and page.

`receive` is synchronous, so a call needs no lock and no audio ever waits for the database. Decisions go through one
ordered queue per call in which each is recorded before anybody is told. What could not be recorded, or a code that
could not be delivered, is told as a handover: the call's own word for that action is overruled for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Literal

from voiceguard.adapters.store import StoreError
from voiceguard.errors import PeerError, VoiceguardError
from voiceguard.events import (
    ActionDecided,
    ActionRequested,
    Band,
    CallEnded,
    CallInput,
    CallStarted,
    CodeToDeliver,
    CustomerFacts,
    Decision,
    HandoverAnswered,
    IntentNoticed,
    KnownVoices,
    MediaNoted,
    Outcome,
    Reason,
    Risk,
    RiskChanged,
    RiskState,
    Samples,
    ScoreReceived,
    ScoreRequested,
    ShadowRuled,
    TextFlagged,
    TranscriptMasked,
    VoiceAsked,
    VoiceChanged,
    VoiceMatched,
    VoiceTaken,
    as_record,
)
from voiceguard.live.context import Service
from voiceguard.live.feed import CallView
from voiceguard.live.handovers import Handovers, handed_over, unless_locked
from voiceguard.live.messages import challenge_body, decision_body, risk_body
from voiceguard.measures.drift import describe
from voiceguard.policy.grants import parameters_sha256

FLUSH_S = 2.0
"""Longest time a risk or a note waits to be written together with others."""
MAX_ACTIONS = 200
"""What one call may ask for: each is kept until its end."""
_STOP = None


class LiveCall:
    """One call from its start to its end. Build it with `open`."""

    def __init__(
        self, service: Service, started: CallStarted, tell: Callable[[Mapping[str, Any]], None], known: KnownVoices
    ) -> None:
        self.started = started
        self.decided: dict[str, ActionDecided] = {}
        """Latest recorded decision of each action."""
        self.told: dict[str, dict[str, Any]] = {}
        """Latest `decision` message of each action."""
        self.asked: dict[str, tuple[str, asyncio.Task[dict[str, Any]]]] = {}
        """Idempotency key to the body's hash and its answer."""
        self.overruled: dict[str, Reason] = {}
        """Actions that failed closed, and why: nobody can get them allowed in this call any more."""
        self.handovers = Handovers(self.record, service.settings.desk.orphan_s)
        self._service = service
        self._tell = tell
        self._risk = Risk(0.0, 0.0, None, Band.UNKNOWN, RiskState.INSUFFICIENT_SPEECH, ())
        self.requested: dict[str, ActionRequested] = {}
        """What was asked for, by action id."""
        self._core = service.new_call(started, known)
        self._voice_asked: list[tuple[VoiceAsked, asyncio.Future[VoiceTaken]]] = []
        self._view = CallView(started.call_id, started.customer_ref, service.now())
        self._records: list[dict[str, Any]] = []
        self._queue: asyncio.Queue[ActionDecided | CodeToDeliver | None] = asyncio.Queue()
        self._waiting: dict[str, list[asyncio.Future[dict[str, Any]]]] = {}
        self._scores: set[asyncio.Task[None]] = set()
        self._deciding = asyncio.Lock()
        """Held from a decision's record to its telling, so that both are in the same order."""
        self._worker: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._over = False

    @classmethod
    async def open(
        cls, service: Service, started: CallStarted, tell: Callable[[Mapping[str, Any]], None],
        known: KnownVoices | None = None,
    ) -> LiveCall:
        """Record the start, then take the call live. `tell` must not block; it gets the messages for the stream."""
        call = cls(service, started, tell, known or KnownVoices())
        service.calls[started.call_id] = call
        service.hub.start(call._view)
        service.metrics.calls_live.inc()
        call._worker = asyncio.create_task(call._work(), name=f"call:{started.call_id}")
        call.record("started", as_record(started))
        call.receive(started)
        await call._flush()
        return call

    def receive(self, event: CallInput) -> None:
        """One event in; its outcomes are on their way when this returns."""
        if self._over:
            return
        for outcome in self._core.receive(event, self._service.now()):
            self._act(outcome)
        self._view.speech = self._core.speech

    async def close(self, ended: CallEnded) -> None:
        """End the call, once: windows already cut are answered first, then everything is recorded.

        Who waits may be cancelled; the closing goes on, and others can wait for it.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(ended), name=f"close:{self.started.call_id}")
        await asyncio.shield(self._closing)

    async def _close(self, ended: CallEnded) -> None:
        if ended.reason != "shutdown" and self._scores:
            await asyncio.wait(self._scores)
        heard = self._ask_voice(VoiceAsked("link", "voiceguard")) if self._service.voices.linking.legal_basis else None
        self.receive(ended)
        if heard is not None and heard.done() and (voice := heard.result().voice) is not None:
            try:
                await self._service.voices.remember(self.started, voice, self._service.now())
            except StoreError:
                self._service.metrics.store_errors.inc()
        self._over = True
        for task in self._scores:
            task.cancel()
        self.handovers.abandon()
        self._show_handovers()
        self.record("ended", {"reason": ended.reason})
        self._queue.put_nowait(_STOP)
        try:
            if self._worker is not None:
                await self._worker
        finally:
            self._forget(ended)

    def _forget(self, ended: CallEnded) -> None:
        service = self._service
        for futures in self._waiting.values():
            for future in futures:
                future.cancel()
        for _, taken in self._voice_asked:
            taken.cancel()
        del service.calls[self.started.call_id]
        for action_id in [action_id for action_id, call in service.actions.items() if call is self]:
            del service.actions[action_id]
        service.hub.end(self.started.call_id, ended.reason)
        service.metrics.calls_live.dec()
        service.metrics.calls.labels(ended.reason).inc()

    async def request(self, action_id: str, action: str, parameters: Mapping[str, str]) -> None:
        """Look the customer up and put the question; a store that cannot be asked means nobody is known.

        Raises PeerError, not fatal, for more actions than one call may ask for.
        """
        self.check_room()
        customer: CustomerFacts | None = None
        if self.started.customer_ref is not None:
            try:
                customer = await self._service.store.customers.find(self.started.customer_ref)
            except StoreError:
                self._service.metrics.store_errors.inc()
        self.requested[action_id] = asked = ActionRequested(action_id, action, parameters, customer)
        self._service.actions[action_id] = self
        self.receive(asked)

    def name_customer(self, customer_ref: str, known: KnownVoices) -> None:
        """Say whom the caller claims to be, where the start did not; `known`: what the voice is compared with now.

        Raises PeerError, not fatal, for a call that claims another.
        """
        if self.started.customer_ref is None:
            self.started = replace(self.started, customer_ref=customer_ref)
            self._view.customer_ref = customer_ref
            self.record("customer_named", {"customer_ref": customer_ref})
            self.receive(known)
        elif self.started.customer_ref != customer_ref:
            raise PeerError("customer_named", "this call claims another customer", fatal=False)

    def check_room(self) -> None:
        """Raises PeerError, not fatal, when this call has asked for all the actions that it may."""
        if len(self.requested) >= MAX_ACTIONS:
            raise PeerError("too_many_actions", f"one call may ask for {MAX_ACTIONS} actions", fatal=False)

    def answer(self, event: HandoverAnswered, *, is_person: bool = False) -> None:
        """A person's word on a handover; who and why are recorded whatever comes of it.

        Raises PeerError, not fatal, for an approval of an orphan: somebody has to take it first.
        """
        self.record("handover_answered", as_record(event))
        self.handovers.answered(event.person, is_person=is_person)
        if event.verdict == "approve" and self.handovers.is_orphan(event.action_id, self._service.now()):
            raise PeerError("orphaned", "nobody holds this handover: take it over first", fatal=False)
        self.receive(event)

    def watch_handovers(self, present: Collection[str]) -> None:
        """Alarm for handovers without a person; `present`: who follows the calls."""
        for orphan in self.handovers.watch(self._service.now(), present):
            self._service.metrics.orphans.labels(orphan.tier).inc()
            self._show_handovers()

    def heard_lately(self) -> Samples:
        """The caller's last seconds of speech, (n,) float32 at 8 kHz; they leave the memory as more is heard."""
        return self._core.heard_lately()

    def _show_handovers(self) -> None:
        self._view.handovers = self.handovers.shown()
        self._service.hub.changed(self.started.call_id)

    async def ask_voice(self, purpose: Literal["enrol", "watchlist"], author: str) -> VoiceTaken:
        """The caller's voice, once all windows before are judged, or why it must not be kept; on record either way.

        Cancelled when the call ends without an answer.
        """
        return await self._ask_voice(VoiceAsked(purpose, author))

    def _ask_voice(self, asked: VoiceAsked) -> asyncio.Future[VoiceTaken]:
        future: asyncio.Future[VoiceTaken] = asyncio.get_running_loop().create_future()
        self._voice_asked.append((asked, future))
        self.receive(asked)
        return future

    def next_decision(self, action_id: str) -> asyncio.Future[dict[str, Any]]:
        """The next `decision` message of this action; cancelled when the call ends without one."""
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(action_id, []).append(future)
        return future

    async def overrule(self, action_id: str, reason: Reason) -> dict[str, Any]:
        """Hand this action over for good, whatever the call says of it later; returns the `decision` message."""
        self.overruled[action_id] = reason
        async with self._deciding:
            before = self.decided.get(action_id)
            if before is None:
                asked = self.requested[action_id]
                before = ActionDecided(
                    action_id, asked.action, "unknown", Decision.HANDOVER, "handed_over", (reason,), "fail_closed",
                    self._risk, parameters_sha256(asked.parameters),
                )
            await self._decide(replace(before, reasons=(reason,)))
        return self.told[action_id]

    # ── outcomes ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _act(self, outcome: Outcome) -> None:
        match outcome:
            case ScoreRequested():
                task = asyncio.create_task(self._score(outcome))
                self._scores.add(task)
                task.add_done_callback(self._scores.discard)
            case RiskChanged(risk):
                self._risk = risk
                body = risk_body(self.started.call_id, risk, self._service.models, self._service.policy)
                self.record("risk", {key: body[key] for key in body if key not in ("type", "call_id")})
                self._view.add_risk(body)
                self._tell(body)
            case ActionDecided() | CodeToDeliver():
                self._queue.put_nowait(outcome)
            case TextFlagged(channel, at_s, rules, text):
                self.record("text_flagged", {"channel": channel, "at_s": at_s, "rules": list(rules)})
                self._view.add_event("flag", at_s, channel=channel, rules=rules, text=text)
            case IntentNoticed(action, at_s):
                self.record("intent_noticed", {"action": action, "at_s": at_s})
                self._view.add_event("intent", at_s, action=action)
            case TranscriptMasked(channel, at_s, text):
                self._view.add_event("transcript", at_s, channel=channel, text=text)
            case ShadowRuled():
                self.record("shadow", as_record(outcome))
            case VoiceChanged(at_s, since_s, llr):
                self.record("voice_changed", as_record(outcome))
                self._view.add_event("voice_changed", at_s, since_s=since_s, llr=llr)
            case VoiceMatched(source, entry_id, at_s, llr):
                self.record("voice_matched", as_record(outcome))
                self._view.add_event("voice_matched", at_s, source=source, entry_id=entry_id, llr=llr)
            case VoiceTaken():
                self._voice_taken(outcome)
            case MediaNoted(channel, kind, at_s, ms):
                self.record("media", {"media": kind, "channel": channel, "at_s": at_s, "ms": ms})
                self._view.add_event("media", at_s, media=kind, channel=channel, ms=ms)
                if kind not in ("paused", "resumed"):  # what was left out on purpose is no fault
                    self._service.metrics.media_ms.labels(kind).inc(ms)
        self._service.hub.changed(self.started.call_id)

    def _voice_taken(self, taken: VoiceTaken) -> None:
        reasons = [reason.code for reason in taken.refusals]
        self.record("voice_taken", {**as_record(taken.asked), "at_s": taken.at_s, "refusals": reasons})
        for place, (asked, future) in enumerate(self._voice_asked):
            if asked is taken.asked:
                del self._voice_asked[place]
                if not future.done():
                    future.set_result(taken)
                return

    async def _score(self, request: ScoreRequested) -> None:
        task = request.window.task
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await self._service.scheduler.score(request)
        metrics = self._service.metrics
        metrics.windows.labels(task, getattr(answer, "reason", "scored")).inc()
        metrics.score_seconds.labels(task).observe(loop.time() - began)
        self.receive(answer)
        if isinstance(answer, ScoreReceived) and task == "synthetic_voice":
            self._service.drift.add({"score": float(answer.output[0]), **describe(request.window.samples)})

    async def _work(self) -> None:
        while True:
            try:
                outcome = await asyncio.wait_for(self._queue.get(), FLUSH_S)
            except TimeoutError:
                await self._flush()
                continue
            if outcome is _STOP:
                await self._flush()
                return
            if isinstance(outcome, ActionDecided):
                async with self._deciding:
                    await self._decide(outcome)
            elif isinstance(outcome, CodeToDeliver) and outcome.action_id not in self.overruled:
                await self._deliver(outcome)

    async def _decide(self, decided: ActionDecided) -> None:
        """Record, then tell. Unrecorded means handover, except that a denial stays one. Hold `_deciding`."""
        service, call_id, action_id = self._service, self.started.call_id, decided.action_id
        overruled = self.overruled.get(action_id)
        if overruled is not None:
            decided = handed_over(decided, (overruled,))
        await self._flush()
        grant = None
        try:
            if decided.grant is not None:
                decided = await unless_locked(service.store, decided, service.now())
            if decided.grant is not None:
                grant = service.keys.sign_grant(decided.grant, service.settings.grant_issuer)
            await service.store.decisions.record(
                call_id, decided, at=service.now(), models=service.models, policy=service.policy
            )
        except VoiceguardError as error:
            service.metrics.store_errors.inc(isinstance(error, StoreError))
            reason = Reason("not_recorded", "The decision could not be signed and recorded, so a person decides.")
            self.overruled[action_id] = reason
            self.record("not_recorded", {"action_id": action_id, "decision": decided.decision.value})
            grant, decided = None, handed_over(decided, (reason,))
        else:
            if overruled is None and action_id in self.overruled and decided.decision is not Decision.DENY:
                return  # Recorded too late to be told: who overruled it meanwhile records and tells the handover next.
        self.decided[action_id] = decided
        service.metrics.decisions.labels(decided.tier, decided.decision.value).inc()
        risk = risk_body(call_id, decided.risk, service.models, service.policy)
        body = self.told[action_id] = decision_body(call_id, decided, risk, grant)
        self._tell(body)
        if decided.challenge is not None:
            self._tell(challenge_body(call_id, action_id, decided.challenge))
        shown = {key: body[key] for key in body if key not in ("type", "call_id", "grant", "risk")}
        self._view.add_event("decision", decided.risk.at_s, **shown, person=decided.person)
        self.handovers.decided(decided, service.now())
        self._show_handovers()
        for future in self._waiting.pop(action_id, ()):
            if not future.done():
                future.set_result(body)

    async def _deliver(self, code: CodeToDeliver) -> None:
        try:
            await self._service.deliver.deliver(code)
        except VoiceguardError:
            await self.overrule(
                code.action_id, Reason("code_not_delivered", "The code could not be delivered, so a person decides.")
            )

    # ── the audit's notes ────────────────────────────────────────────────────────────────────────────────────────────

    def record(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Put something in the call's chain, with the next notes."""
        self._records.append({"kind": kind, "at": self._service.now(), **facts})

    async def _flush(self) -> None:
        """Write the waiting notes in one transaction; they stay for the next try when the store refuses."""
        records, self._records = self._records, []
        if not records:
            return
        try:
            await self._service.store.calls.append(self.started.call_id, records)
        except StoreError:
            self._service.metrics.store_errors.inc()
            self._records = records + self._records
