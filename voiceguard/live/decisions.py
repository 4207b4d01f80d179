"""The decisions of one call: each is recorded before anybody is told, in one ordered queue.

What a fault stops (a decision that is late or cannot be recorded, a code that cannot be delivered) is overruled: it
goes into a person's hands, which is told at once and recorded when the store takes it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from voiceguard.adapters.logs import described
from voiceguard.adapters.store import Refused, StoreError, TooManyCodes
from voiceguard.errors import VoiceguardError
from voiceguard.events import ActionDecided, ActionState, CodeToDeliver, Decision, Reason
from voiceguard.live.context import LiveContext
from voiceguard.live.messages import challenge_body, decision_body, risk_body
from voiceguard.live.recorder import Recorder
from voiceguard.policy.lockouts import LockoutTerms

FLUSH_S = 2.0
"""Longest time a risk or a note waits to be written together with others."""
LATE = Reason("decision_late", "No decision came in time, so a person decides.")
_NOT_RECORDED = Reason("not_recorded", "The decision could not be signed and recorded, so a person decides.")
_NOT_DELIVERED = Reason("code_not_delivered", "The code could not be delivered, so a person decides.")
_TOO_MANY = Reason("too_many_codes", "Too many codes were sent to this customer within an hour, so a person decides.")
_NO_BUS = Reason("bus_unavailable", "The other workers cannot be reached, so a person decides.")
_FAULT = Reason("fault", "The service has a fault, so a person decides.")

log = structlog.get_logger()


@dataclass(frozen=True)
class _Queued:
    """A decision on its way to the record."""

    decided: ActionDecided
    at: float
    """Unix seconds."""
    turn: int
    """How often the action had been overruled when this was decided."""
    is_told: bool = False


class Overrule(Protocol):
    """Takes an action out of the call's hands and tells it; where the record denies it, the call only learns of it."""

    def __call__(self, action_id: str, reason: Reason, *, is_denied: bool = False) -> object: ...


class Decisions:
    """Records and tells the decisions of one call.

    `send` takes the messages for the stream and must not block; `on_told` is called with each decision that was told
    and its message.
    """

    def __init__(
        self, context: LiveContext, call_id: str, recorder: Recorder, send: Callable[[Mapping[str, Any]], None],
        on_told: Callable[[ActionDecided, Mapping[str, Any]], None], overrule: Overrule,
    ) -> None:
        self.decided: dict[str, ActionDecided] = {}
        """Action id to its latest told decision."""
        self.told: dict[str, dict[str, Any]] = {}
        """Action id to its latest `decision` message."""
        self._context = context
        self._call_id = call_id
        self._recorder = recorder
        self._send = send
        self._on_told = on_told
        self._overrule = overrule
        self._queue: asyncio.Queue[_Queued | CodeToDeliver | None] = asyncio.Queue()
        self._waiting: dict[str, list[asyncio.Future[dict[str, Any]]]] = {}
        self._since: dict[str, float] = {}
        """Action id to the time since when its decision is awaited."""
        self._turns: Counter[str] = Counter()
        """Action id to how often it was overruled: what was decided before is not told any more."""
        self._unrecorded: list[_Queued] = []
        """What the store did not take yet, oldest first."""
        self._deliveries: set[asyncio.Task[None]] = set()
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work on the queue."""
        self._worker = asyncio.create_task(self._work(), name=f"decisions:{self._call_id}")

    def expect(self, action_id: str) -> None:
        """A decision on this action is awaited from now on."""
        self._since.setdefault(action_id, self._context.now())

    def late(self, now: float) -> list[str]:
        """Actions whose decision has been awaited for longer than `decision_timeout_s`."""
        limit = self._context.settings.decision_timeout_s
        return [action_id for action_id, since in self._since.items() if now - since >= limit]

    def put(self, outcome: ActionDecided | CodeToDeliver) -> None:
        """Record and tell a decision, or deliver a code, after those before it."""
        if isinstance(outcome, CodeToDeliver):
            self._queue.put_nowait(outcome)
            return
        self.expect(outcome.action_id)
        self._queue.put_nowait(_Queued(outcome, self._context.now(), self._turns[outcome.action_id]))

    def tell_first(self, decided: ActionDecided) -> None:
        """Tell what overrules a decision at once, and record it after those before it, which are told no more."""
        self._turns[decided.action_id] += 1
        self._tell(decided, None)
        self._queue.put_nowait(
            _Queued(decided, self._context.now(), self._turns[decided.action_id], is_told=True)
        )

    def next(self, action_id: str) -> asyncio.Future[dict[str, Any]]:
        """The next `decision` message of this action; cancelled when the call ends without one."""
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(action_id, []).append(future)
        return future

    async def idle(self) -> None:
        """Return when everything that was put has been recorded and told, and every code delivered."""
        await self._queue.join()
        while self._deliveries:
            await asyncio.wait(self._deliveries)
            await self._queue.join()

    async def close(self) -> None:
        """Finish the queue and write the last records; whoever still waits for a decision is cancelled."""
        self._queue.put_nowait(None)
        try:
            if self._worker is not None:
                await self._worker
        finally:
            for delivery in self._deliveries:
                delivery.cancel()
            for futures in self._waiting.values():
                for future in futures:
                    future.cancel()

    async def _work(self) -> None:
        is_open = True
        while is_open or not self._queue.empty():
            try:
                item = await asyncio.wait_for(self._queue.get(), FLUSH_S)
            except TimeoutError:
                await self._recorder.flush()
                await self._catch_up()
                continue
            try:
                if item is None:
                    is_open = False
                else:
                    await self._take(item)
            finally:
                self._queue.task_done()
        await self._recorder.flush()
        await self._catch_up()

    async def _take(self, item: _Queued | CodeToDeliver) -> None:
        try:
            if isinstance(item, CodeToDeliver):
                # Only a challenge that was told is waited for; how long its delivery takes concerns nobody else.
                if item.action_id in self.decided and self.decided[item.action_id].state is ActionState.CHALLENGED:
                    task = asyncio.create_task(self._deliver(item))
                    self._deliveries.add(task)
                    task.add_done_callback(self._deliveries.discard)
            else:
                await self._decide(item)
        except Exception as error:  # a fault in one decision must not end the worker that tells all others
            action_id = item.action_id if isinstance(item, CodeToDeliver) else item.decided.action_id
            self._fault(action_id, error)

    def _fault(self, action_id: str, error: Exception) -> None:
        self._context.metrics.worker_errors.labels("decisions").inc()
        log.error("a decision failed and is handed over", call_id=self._call_id, worker="decisions",
                  **described(error))
        try:
            self._overrule(action_id, _FAULT)
        except Exception as again:  # as above
            log.error("a decision failed and cannot be handed over", call_id=self._call_id, **described(again))

    async def _decide(self, item: _Queued) -> None:
        """Record, then tell. What cannot be recorded goes to a person, except that a denial stays one."""
        decided, grant = item.decided, None
        await self._recorder.flush()
        try:
            if not await self._catch_up():
                raise StoreError("the store did not take an earlier decision yet")
            if decided.grant is not None:
                grant = self._context.keys.sign_grant(decided.grant, self._context.settings.grant_issuer)
            recorded = await self._record(item)
        except VoiceguardError as error:
            self._not_recorded(item, error)
            return
        if item.is_told or item.turn != self._turns[decided.action_id]:
            return  # too late to be told: what overruled it was told meanwhile, and is recorded next
        if recorded.decision is Decision.DENY and decided.decision is not Decision.DENY:
            self._overrule(decided.action_id, recorded.reasons[0], is_denied=True)
        if not self._context.bus.is_up and recorded.decision in (Decision.ALLOW, Decision.STEP_UP):
            self._overrule(decided.action_id, _NO_BUS)
            return
        self._tell(recorded, None if recorded.grant is None else grant)

    async def _record(self, item: _Queued) -> ActionDecided:
        context, terms = self._context, self._context.rules.challenge
        return await context.store.decisions.record(
            self._call_id, item.decided, at=item.at, models=context.models, policy=context.policy,
            terms=LockoutTerms(terms.tries, terms.lockout_s, context.settings.codes_per_hour),
        )

    def _not_recorded(self, item: _Queued, error: VoiceguardError) -> None:
        decided = item.decided
        if isinstance(error, TooManyCodes):
            if item.turn == self._turns[decided.action_id]:
                self._overrule(decided.action_id, _TOO_MANY)
            return
        self._context.metrics.store_errors.inc(isinstance(error, StoreError))
        log.warning("a decision is not recorded", call_id=self._call_id, **described(error))
        self._recorder.add("not_recorded", {"action_id": decided.action_id, "decision": decided.decision.value})
        if decided.grant is None and isinstance(error, StoreError) and not isinstance(error, Refused):
            self._unrecorded.append(item)
        if item.is_told or item.turn != self._turns[decided.action_id]:
            return
        if decided.decision is Decision.DENY:
            self._tell(decided, None)
        else:
            self._overrule(decided.action_id, _NOT_RECORDED)

    async def _catch_up(self) -> bool:
        """Record what the store did not take, in its order; whether nothing is left."""
        while self._unrecorded:
            try:
                await self._record(self._unrecorded[0])
            except Refused as error:
                log.warning("a decision is never recorded", call_id=self._call_id, **described(error))
            except StoreError:
                return False
            del self._unrecorded[0]
        return True

    def _tell(self, decided: ActionDecided, grant: str | None) -> None:
        action_id, context = decided.action_id, self._context
        self._since.pop(action_id, None)
        self.decided[action_id] = decided
        context.metrics.decisions.labels(decided.tier, decided.decision.value).inc()
        risk = risk_body(self._call_id, decided.risk, context.models, context.policy)
        body = self.told[action_id] = decision_body(self._call_id, decided, risk, grant)
        self._send(body)
        if decided.challenge is not None:
            self._send(challenge_body(self._call_id, action_id, decided.challenge))
        self._on_told(decided, body)
        for future in self._waiting.pop(action_id, ()):
            if not future.done():
                future.set_result(body)

    async def _deliver(self, code: CodeToDeliver) -> None:
        try:
            await self._context.deliver(code)
        except VoiceguardError as error:
            log.warning("a code is not delivered", call_id=self._call_id, **described(error))
            if self.decided[code.action_id].state is ActionState.CHALLENGED:
                self._overrule(code.action_id, _NOT_DELIVERED)
        except Exception as error:  # as in `_take`
            self._fault(code.action_id, error)
