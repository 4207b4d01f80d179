"""The live calls of this process: opened, looked up by call and by action, and forgotten when they end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from voiceguard.adapters.logs import described
from voiceguard.adapters.store import StoreError
from voiceguard.errors import PeerError, VoiceguardError
from voiceguard.events import CallStarted, KnownVoices
from voiceguard.live.call import LiveCall
from voiceguard.live.context import LiveContext
from voiceguard.live.messages import started_body

log = structlog.get_logger()


class UnknownCall(VoiceguardError):
    """No call of this id was ever recorded."""


class CallOver(VoiceguardError):
    """The call has ended."""


class UnknownAction(VoiceguardError):
    """No live call holds this action."""


class Registry:
    """Opens calls and finds them again."""

    def __init__(self, context: LiveContext) -> None:
        self.context = context
        self.calls: dict[str, LiveCall] = {}
        """Call id to the call, while it is live."""

    @property
    def is_full(self) -> bool:
        """Whether no more calls are taken now."""
        return len(self.calls) >= self.context.settings.max_calls

    async def open(self, started: CallStarted, send: Callable[[Mapping[str, Any]], None]) -> LiveCall:
        """Take a call live: its start is told through `send` and recorded.

        Raises PeerError for a call id that is live, and when no more calls can be taken.
        """
        context = self.context
        known = await self.known_voices(started)
        if started.call_id in self.calls:
            raise PeerError("call_exists", "a call with this call_id is live")
        if self.is_full:
            raise PeerError("too_many_calls", "no more calls can be taken now", close_code=1013)
        send(started_body(started.call_id, context.models, context.policy))
        call = self.calls[started.call_id] = LiveCall(context, started, send, known, self._forget)
        context.hub.start(call.view)
        context.metrics.calls_live.inc()
        await call.start()
        return call

    async def known_voices(self, started: CallStarted) -> KnownVoices:
        """What a call's voice is compared with; nothing when the store cannot be asked: it would only add risk."""
        try:
            return await self.context.voices.known(started)
        except StoreError as error:
            self.context.metrics.store_errors.inc()
            log.warning("voices of other calls cannot be read", call_id=started.call_id, **described(error))
            return KnownVoices()

    async def live(self, call_id: str) -> LiveCall:
        """The live call of this id. Raises UnknownCall, or CallOver for one that has ended; StoreError."""
        call = self.calls.get(call_id)
        if call is not None:
            return call
        if await self.context.store.call(call_id) is None:
            raise UnknownCall("No such call.")
        raise CallOver("This call is over.")

    def holding(self, action_id: str) -> LiveCall:
        """The live call that asked for an action. Raises UnknownAction."""
        for call in self.calls.values():
            if action_id in call.requested:
                return call
        raise UnknownAction("No live call holds this action.")

    def tick(self) -> None:
        """Let the time-outs of every call fire; a fault in one call is logged and leaves the others alone."""
        present = self.context.hub.people()
        for call in list(self.calls.values()):
            try:
                call.tick(present)
            except Exception as error:  # one call must not stop the time-outs of all others
                self.context.metrics.worker_errors.labels("time-outs").inc()
                log.error("a call's time-outs failed", call_id=call.started.call_id, **described(error))

    def _forget(self, call: LiveCall, reason: str) -> None:
        del self.calls[call.started.call_id]
        self.context.hub.end(call.started.call_id, reason)
        self.context.metrics.calls_live.dec()
        self.context.metrics.calls.labels(reason).inc()
