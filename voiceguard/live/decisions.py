"""The decisions of one call: each is recorded before anybody is told, in one ordered queue.

A decision that could not be recorded, and a code that could not be delivered, is told as a handover: the call's own
decision on that action is overruled for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from voiceguard.adapters.logs import described
from voiceguard.adapters.store import Store, StoreError
from voiceguard.errors import VoiceguardError
from voiceguard.events import ActionDecided, ActionRequested, ActionState, CodeToDeliver, Decision, Reason, Risk
from voiceguard.live.context import LiveContext
from voiceguard.live.messages import challenge_body, decision_body, risk_body
from voiceguard.live.recorder import Recorder
from voiceguard.policy.grants import parameters_sha256

FLUSH_S = 2.0
"""Longest time a risk or a note waits to be written together with others."""
_STOP = None

log = structlog.get_logger()


class Decisions:
    """Records and tells the decisions of one call.

    `send` takes the messages for the stream and must not block; `on_told` is called with each decision that was told
    and its message.
    """

    def __init__(
        self, context: LiveContext, call_id: str, recorder: Recorder, send: Callable[[Mapping[str, Any]], None],
        on_told: Callable[[ActionDecided, Mapping[str, Any]], None],
    ) -> None:
        self.decided: dict[str, ActionDecided] = {}
        """Action id to its latest recorded decision."""
        self.told: dict[str, dict[str, Any]] = {}
        """Action id to its latest `decision` message."""
        self.overruled: dict[str, Reason] = {}
        """Actions that failed closed, and why: they cannot be allowed in this call any more."""
        self._context = context
        self._call_id = call_id
        self._recorder = recorder
        self._send = send
        self._on_told = on_told
        self._queue: asyncio.Queue[ActionDecided | CodeToDeliver | None] = asyncio.Queue()
        self._waiting: dict[str, list[asyncio.Future[dict[str, Any]]]] = {}
        self._telling = asyncio.Lock()
        """Held from a decision's record to its telling, so that both are in the same order."""
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work on the queue."""
        self._worker = asyncio.create_task(self._work(), name=f"decisions:{self._call_id}")

    def put(self, outcome: ActionDecided | CodeToDeliver) -> None:
        """Record and tell a decision, or deliver a code, after those before it."""
        self._queue.put_nowait(outcome)

    def next(self, action_id: str) -> asyncio.Future[dict[str, Any]]:
        """The next `decision` message of this action; cancelled when the call ends without one."""
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(action_id, []).append(future)
        return future

    async def idle(self) -> None:
        """Return when everything that was put has been recorded and told."""
        await self._queue.join()

    async def close(self) -> None:
        """Finish the queue and write the last records; whoever still waits for a decision is cancelled."""
        self._queue.put_nowait(_STOP)
        try:
            if self._worker is not None:
                await self._worker
        finally:
            for futures in self._waiting.values():
                for future in futures:
                    future.cancel()

    async def overrule(self, asked: ActionRequested, risk: Risk, reason: Reason) -> dict[str, Any]:
        """Hand this action over for good, whatever the call says of it later; returns the `decision` message.

        `risk` goes into the record where the action has no decision yet.
        """
        self.overruled[asked.action_id] = reason
        async with self._telling:
            before = self.decided.get(asked.action_id) or ActionDecided(
                asked.action_id, asked.action, "unknown", Decision.HANDOVER, ActionState.HANDED_OVER, (reason,),
                "fail_closed", risk, parameters_sha256(asked.parameters),
            )
            await self._decide(replace(before, reasons=(reason,)))
        return self.told[asked.action_id]

    async def _work(self) -> None:
        while True:
            try:
                outcome = await asyncio.wait_for(self._queue.get(), FLUSH_S)
            except TimeoutError:
                await self._recorder.flush()
                continue
            try:
                if outcome is _STOP:
                    await self._recorder.flush()
                    return
                await self._take(outcome)
            finally:
                self._queue.task_done()

    async def _take(self, outcome: ActionDecided | CodeToDeliver) -> None:
        try:
            if isinstance(outcome, ActionDecided):
                async with self._telling:
                    await self._decide(outcome)
            elif outcome.action_id not in self.overruled:
                await self._deliver(outcome)
        except Exception as error:  # a fault in one decision must not end the worker that tells all others
            self._context.metrics.worker_errors.labels("decisions").inc()
            log.error("a decision failed and is handed over", call_id=self._call_id, worker="decisions",
                      **described(error))
            self.overruled[outcome.action_id] = Reason("fault", "The service has a fault, so a person decides.")

    async def _decide(self, decided: ActionDecided) -> None:
        """Record, then tell. Unrecorded means handover, except that a denial stays one. Hold `_telling`."""
        action_id = decided.action_id
        if not self._context.bus.is_up and decided.decision is not Decision.DENY:
            self.overruled.setdefault(action_id, Reason(
                "bus_unavailable", "The other workers cannot be reached, so a person decides."
            ))
        overruled = self.overruled.get(action_id)
        if overruled is not None:
            decided = handed_over(decided, (overruled,))
        await self._recorder.flush()
        try:
            decided, grant = await self._record(decided)
        except VoiceguardError as error:
            self._context.metrics.store_errors.inc(isinstance(error, StoreError))
            log.warning("a decision is not recorded and is handed over", call_id=self._call_id, **described(error))
            reason = Reason("not_recorded", "The decision could not be signed and recorded, so a person decides.")
            self.overruled[action_id] = reason
            self._recorder.add("not_recorded", {"action_id": action_id, "decision": decided.decision.value})
            grant, decided = None, handed_over(decided, (reason,))
        else:
            if overruled is None and action_id in self.overruled and decided.decision is not Decision.DENY:
                return  # Recorded too late to be told: who overruled it meanwhile records and tells the handover next.
        self._tell(decided, grant)

    async def _record(self, decided: ActionDecided) -> tuple[ActionDecided, str | None]:
        """The decision as it was recorded, and its signed grant. Raises VoiceguardError."""
        context, grant = self._context, None
        if decided.grant is not None:
            decided = await unless_locked(context.store, decided, context.now())
        if decided.grant is not None:
            grant = context.keys.sign_grant(decided.grant, context.settings.grant_issuer)
        await context.store.decisions.record(
            self._call_id, decided, at=context.now(), models=context.models, policy=context.policy
        )
        return decided, grant

    def _tell(self, decided: ActionDecided, grant: str | None) -> None:
        action_id, context = decided.action_id, self._context
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
            reason = Reason("code_not_delivered", "The code could not be delivered, so a person decides.")
            challenged = self.decided[code.action_id]
            self.overruled[code.action_id] = reason
            async with self._telling:
                await self._decide(replace(challenged, reasons=(reason,)))


def handed_over(decided: ActionDecided, reasons: tuple[Reason, ...]) -> ActionDecided:
    """The same decision as a handover that failed closed; a denial stays one."""
    if decided.decision is Decision.DENY:
        return replace(decided, grant=None, challenge=None)
    return replace(
        decided, decision=Decision.HANDOVER, state=ActionState.HANDED_OVER, reasons=reasons, rule="fail_closed",
        challenge=None, grant=None,
    )


async def unless_locked(store: Store, decided: ActionDecided, now: float) -> ActionDecided:
    """Deny an allowance whose customer another call has locked out since this action was asked for.

    Raises StoreError.
    """
    assert decided.grant is not None
    customer = await store.customers.find(decided.grant.customer_ref)
    if customer is not None and now >= customer.locked_until:
        return decided
    reason = Reason("customer_locked", "Another call locked this customer out, or nobody knows the customer now.")
    return replace(
        decided, decision=Decision.DENY, state=ActionState.DENIED, reasons=(reason,), rule="customer_locked", grant=None
    )
