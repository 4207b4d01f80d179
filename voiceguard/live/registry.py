"""The live calls of this process: opened, looked up by call and by action, and forgotten when they end."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from voiceguard.adapters.logs import described
from voiceguard.adapters.store import StoreError
from voiceguard.call import Call
from voiceguard.errors import PeerError, VoiceguardError
from voiceguard.events import CallEnded, CallStarted, KnownVoices
from voiceguard.events.tenants import tenant_of
from voiceguard.live.call import LiveCall
from voiceguard.live.claims import CLAIMED, RELEASE, Claims
from voiceguard.live.cluster import Cluster
from voiceguard.live.context import LiveContext
from voiceguard.live.earlier import RecordedCall, read_recorded
from voiceguard.live.messages import started_body
from voiceguard.privacy.consent import Kind, Standing

SHARE = 0.75
"""Of all calls, what one key may have where no setting says otherwise."""
FOLLOWED_S = 10.0
"""Age of a change of consent, by another machine's clock, that is still looked at."""

log = structlog.get_logger()


class NotLive(VoiceguardError):
    """What was asked for does not belong to a live call."""


class UnknownCall(NotLive):
    """No call of this id was ever recorded."""


class CallOver(NotLive):
    """The call has ended."""


class UnknownAction(NotLive):
    """No live call holds this action."""


@dataclass(frozen=True)
class Ended:
    """A call that ended lately, as another stream of it would find it."""

    core: Call
    started: CallStarted
    owner: str
    at: float
    """Unix seconds of the end."""


class Registry:
    """Opens calls, finds them again, and lets a further stream of a call go on where the one before stopped."""

    def __init__(self, context: LiveContext) -> None:
        self.context = context
        self.calls: dict[str, LiveCall] = {}
        """Call id to the call, while it is live."""
        limits, most = context.settings.limits, context.settings.max_calls
        self._most_of_payer = limits.streams_per_key or math.ceil(most * SHARE)
        self._most_of_tenant = limits.streams_per_tenant or most
        self.is_draining = False
        """Whether the process stops soon and takes no new calls."""
        self._ended: OrderedDict[str, Ended] = OrderedDict()
        """Calls that ended within `resume_s`, oldest first."""
        self._closing: set[asyncio.Task[None]] = set()
        self.claims = Claims(context)
        self.cluster = None if context.bus.is_alone else Cluster(context)
        """What this worker tells the others; None where it is alone."""
        context.bus.on_question(RELEASE, self._hand_on)
        context.bus.on_notice(CLAIMED, self._went_on_elsewhere)
        context.bus.on_up(self._ended.clear)  # notices of what went on elsewhere may have been missed
        self._followed: deque[str] = deque(maxlen=10_000)
        """Changes of consents that the live calls know."""

    @property
    def is_full(self) -> bool:
        """Whether no more calls are taken now."""
        return self.is_draining or len(self.calls) >= self.context.settings.max_calls

    async def open(
        self, started: CallStarted, send: Callable[[Mapping[str, Any]], None], *, owner: str = "",
        payer: str = "", on_replaced: Callable[[], None] = lambda: None,
    ) -> LiveCall:
        """Take a stream in: of a new call, or of one that is live or ended lately, which then goes on.

        `owner`: the protocol and key that the stream came with. `payer`: on whose quota the call goes. `on_replaced` is
        called when another stream of the call takes over. Raises PeerError for a call of another owner or customer, and
        when no more calls can be taken, of all or of this payer or tenant.
        """
        context, call_id = self.context, started.call_id
        if (closing := self.calls.get(call_id)) is not None and closing.is_closing:
            await closing.close(CallEnded("stopped"))  # under way: the stream goes on with the call that ended
        if not self.goes_on(call_id):
            self._check_room(call_id, payer)
        if call_id not in self.calls:
            await self.claims.take(started, owner)
        agreed = await self._agreed(started)
        known, refused = await self.known_voices(started, agreed)
        recorded = None if self.goes_on(call_id) else await self._recorded(call_id)
        live, ended = self.calls.get(call_id), self._ended.get(call_id)
        if live is not None:
            started_before = live.started
            started = _goes_on(started, started_before, owner, live.owner)
            send(started_body(call_id, context.models, context.policy))
            if started_before.customer_ref is None and started.customer_ref is not None:
                live.name_customer(started.customer_ref, known, refused)
            live.attach(started, send, on_replaced)
            await live.recorder.flush()
            return live
        self._check_room(call_id, payer)
        if ended is not None:
            started = _goes_on(_unless_withdrawn(started, agreed), ended.started, owner, ended.owner)
            started, core = _unless_withdrawn(started, agreed), ended.core
            core.receive(known, context.now())
            del self._ended[call_id]
        else:
            if recorded is None:  # agreed to anew, whatever the customer withdrew on calls before
                agreed = replace(agreed, withdrawn={
                    purpose: at for purpose, at in agreed.withdrawn.items() if purpose not in started.consent
                })
            else:
                _same_owner(owner, owner if recorded.owner is None else recorded.owner)
                started = _unless_withdrawn(started, agreed)
                started = replace(started, customer_ref=_same_customer(started.customer_ref, recorded.customer_ref))
            core = context.new_call(started, known, None if recorded is None else recorded.earlier)
        send(started_body(call_id, context.models, context.policy))
        call = self.calls[call_id] = LiveCall(
            context, started, core, owner, send, on_replaced, self._forget, payer
        )
        context.hub.start(call.view)
        context.metrics.calls_live.inc()
        await call.start(agreed, refused)
        return call

    def _check_room(self, call_id: str, payer: str) -> None:
        """Raises PeerError when no further call can be taken, of all or of this payer or tenant."""
        if self.is_full:
            raise PeerError("too_many_calls", "no more calls can be taken now", close_code=1013)
        tenant, calls = tenant_of(call_id), self.calls
        of_payer = sum(call.payer == payer for call in calls.values())
        of_tenant = sum(tenant_of(other) == tenant for other in calls)
        for whose, count, most in (
            ("key", of_payer, self._most_of_payer), ("tenant", of_tenant, self._most_of_tenant)
        ):
            if count >= most:
                text = f"this {whose} may have {most} calls at once: try again when one of them has ended"
                raise PeerError("too_many_streams", text, close_code=1013)

    def goes_on(self, call_id: str) -> bool:
        """Whether a further stream of this call would go on with it."""
        return call_id in self.calls or call_id in self._ended

    async def lose(self, call: LiveCall, ended: CallEnded) -> None:
        """A call's stream ended. What stopped in order ends; what broke waits `reconnect_s` for another stream."""
        if ended.reason in ("stopped", "revoked", "shutdown") or self.context.settings.reconnect_s == 0.0:
            await call.close(ended)
        else:
            call.lose_stream(ended.reason)

    async def keep_claims(self) -> None:
        """Say that this worker lives, and end calls that another worker took meanwhile. Raises StoreError."""
        for call_id in await self.claims.keep(self.calls.keys()):
            if (call := self.calls.get(call_id)) is not None:
                log.error("another worker holds this call, which ends here", call_id=call_id)
                await call.hand_on()

    def _went_on_elsewhere(self, _: str, body: Mapping[str, str]) -> None:
        self._ended.pop(body["call_id"], None)

    async def _hand_on(self, asked: Mapping[str, Any]) -> Mapping[str, str] | None:
        """Let a call go to the worker where its stream came back; the refusal where it may not go on there."""
        call_id = asked["call_id"]
        call, ended = self.calls.get(call_id), self._ended.pop(call_id, None)
        before = call or ended
        if before is not None:
            try:
                _same_owner(asked["owner"], before.owner)
                _same_customer(asked["customer_ref"], before.started.customer_ref)
            except PeerError as error:
                return {"code": error.code, "text": str(error)}
        if call is not None:
            await call.hand_on()
            self._ended.pop(call_id, None)
        await self.context.store.workers.release(call_id, self.context.bus.worker)
        return None

    async def _recorded(self, call_id: str) -> RecordedCall | None:
        """What is on record of a call that an earlier process had, within `resume_s`."""
        try:
            return await read_recorded(self.context.store, call_id, self.context.now() - self.context.settings.resume_s)
        except StoreError as error:
            self.context.metrics.store_errors.inc()
            log.warning("the record of a call cannot be read", call_id=call_id, **described(error))
            return None

    async def _agreed(self, started: CallStarted) -> Standing:
        """What the ledger says of a call's caller; nothing when the store cannot be asked."""
        try:
            return await self.context.store.consents.standing(
                started.customer_ref, started.call_id, self.context.now()
            )
        except StoreError as error:
            self.context.metrics.store_errors.inc()
            log.warning("the ledger of consents cannot be read", call_id=started.call_id, **described(error))
            return Standing()

    async def follow_consents(self) -> None:
        """Let every live call serve what its caller agrees to now, whoever changed it and where. Raises StoreError."""
        now, store = self.context.now(), self.context.store
        if not self.calls:
            return
        moved = [one for one in await store.consents.moved_since(now - FOLLOWED_S) if one[0] not in self._followed]
        for call in list(self.calls.values()):
            started = call.started
            if (call.consent.ends_at or math.inf) <= now or any(
                call_id == started.call_id or (ref is not None and ref == started.customer_ref)
                for _, call_id, ref in moved
            ):
                call.agree(await store.consents.standing(started.customer_ref, started.call_id, now))
        self._followed.extend(change for change, _, _ in moved)

    async def agree_anew(self, call: LiveCall) -> None:
        """Let a call serve what its customer, who was named just now, agrees to."""
        call.agree(await self._agreed(call.started))

    async def known_voices(
        self, started: CallStarted, agreed: Standing | None = None
    ) -> tuple[KnownVoices, tuple[Kind, ...]]:
        """What a call's voice is compared with, and what must not be for want of consent; nothing when the store
        cannot be asked: it would only add risk."""
        agreed = agreed or await self._agreed(started)
        allowed = replace(agreed, given={**dict.fromkeys(started.consent, ""), **agreed.given})
        try:
            return await self.context.voices.known(started, allowed)
        except StoreError as error:
            self.context.metrics.store_errors.inc()
            log.warning("voices of other calls cannot be read", call_id=started.call_id, **described(error))
            return KnownVoices(), ()

    async def live(self, call_id: str) -> LiveCall:
        """The live call of this id. Raises UnknownCall, or CallOver for one that has ended; StoreError."""
        call = self.calls.get(call_id)
        if call is not None:
            return call
        if await self.context.store.calls.find(call_id) is None:
            raise UnknownCall("No such call.")
        raise CallOver("This call is over.")

    def holding(self, action_id: str, tenant: str | None = None) -> LiveCall:
        """The live call, of this tenant or of any, that asked for an action. Raises UnknownAction."""
        for call_id, call in self.calls.items():
            if action_id in call.requested and tenant in (None, tenant_of(call_id)):
                return call
        raise UnknownAction("No live call holds this action.")

    def tick(self) -> None:
        """Let the time-outs of every call fire; a fault in one call is logged and leaves the others alone."""
        now, settings = self.context.now(), self.context.settings
        present = (self.cluster or self.context.hub).people()
        while self._ended and next(iter(self._ended.values())).at < now - settings.resume_s:
            self._ended.popitem(last=False)
        for call in list(self.calls.values()):
            try:
                call.tick(present)
                if call.lost_at is not None and now - call.lost_at >= settings.reconnect_s:
                    self._close(call, CallEnded("vanished"))
            except Exception as error:  # one call must not stop the time-outs of all others
                self.context.metrics.worker_errors.labels("time-outs").inc()
                log.error("a call's time-outs failed", call_id=call.started.call_id, **described(error))

    def _close(self, call: LiveCall, ended: CallEnded) -> None:
        task = asyncio.create_task(call.close(ended))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _forget(self, call: LiveCall, reason: str) -> None:
        call_id, settings = call.started.call_id, self.context.settings
        del self.calls[call_id]
        if settings.resume_s > 0.0 and reason != "shutdown":
            self._ended[call_id] = Ended(call.core, call.started, call.owner, self.context.now())
            while len(self._ended) > settings.max_calls:
                self._ended.popitem(last=False)
        self.context.hub.end(call.started.call_id, reason)
        self.context.metrics.calls_live.dec()
        self.context.metrics.calls.labels(reason).inc()


def _unless_withdrawn(started: CallStarted, agreed: Standing) -> CallStarted:
    """The start of a further stream, which only repeats the consent of the first one."""
    return replace(started, consent=started.consent.difference(agreed.withdrawn))


def _goes_on(started: CallStarted, before: CallStarted, owner: str, owner_before: str) -> CallStarted:
    """The start of a further stream with what the call had: customer, consent and metadata.

    Raises PeerError for a stream of another owner or customer.
    """
    _same_owner(owner, owner_before)
    return replace(
        started, customer_ref=_same_customer(started.customer_ref, before.customer_ref),
        consent=before.consent | started.consent, metadata={**before.metadata, **started.metadata},
    )


def _same_owner(owner: str, before: str) -> None:
    """Raises PeerError for a stream of another owner."""
    if owner != before:
        raise PeerError("call_exists", "a call with this call_id came by another key or protocol")


def _same_customer(claimed: str | None, before: str | None) -> str | None:
    """The call's customer, whether the further stream names one or not. Raises PeerError for another one."""
    if None not in (claimed, before) and claimed != before:
        raise PeerError("other_customer", "this call claims another customer")
    return before or claimed
