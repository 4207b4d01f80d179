"""One call's stream, whatever protocol it speaks and whatever carries it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, Protocol

import structlog

from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.events import (
    Asker,
    CallEnded,
    CallStarted,
    ConsentSaid,
    FaultReported,
    IntentDeclared,
    MediaPaused,
    MediaResumed,
    ReplyDue,
    WireEvent,
)
from voiceguard.events.tenants import DEFAULT, kept_name, with_own_names
from voiceguard.live.call import LiveCall
from voiceguard.server.access.principal import Principal
from voiceguard.server.access.revocation import closed_on_revocation
from voiceguard.server.context import WebContext
from voiceguard.server.port.census import Connection
from voiceguard.server.streams.outbox import Outbox
from voiceguard.server.streams.pace import Pace

log = structlog.get_logger()

DRAIN_S = 2.0
"""Time a reader has for the last messages before its connection closes."""

Frame = str | bytes


class Codec(Protocol):
    """A wire protocol, sans I/O; see voiceguard.ingest."""

    def receive_text(self, text: str) -> list[WireEvent]: ...
    def receive_binary(self, data: bytes) -> list[WireEvent]: ...
    def connection_lost(self) -> list[WireEvent]: ...
    def encode(self, message: Mapping[str, Any]) -> Sequence[Frame]: ...


class Closed(Exception):
    """The connection is gone. `stopping`: because this server stops, and not by the peer's will; `orderly`: the peer
    closed it as the transport has it, and not in the middle of a message."""

    def __init__(self, *, stopping: bool = False, orderly: bool = False) -> None:
        super().__init__()
        self.stopping = stopping
        self.orderly = orderly


class Transport(Protocol):
    """What carries the frames."""

    owner: str
    """The protocol, and the name of the key that opened the stream, where it came by one of ours."""
    tenant: str
    """Whose calls come by it."""
    principal: Principal | None
    """Whose key opened the stream, or registered its call; None where the platform proves itself, or not yet known."""

    connection: Connection
    """What carries it, as the census counts it."""

    async def receive(self) -> Frame:
        """The next frame. Raises Closed."""
        ...

    async def send(self, frame: Frame) -> None:
        """Raises Closed."""
        ...

    async def close(self, code: int) -> None:
        """Close, with an RFC 6455 code where the transport has such; returns when the peer is told, or gone."""
        ...


class Session:
    """One stream on one accepted connection, from its first frame to its close.

    `admit` lets a call in, also as another than its stream says (None: as it says), or raises PeerError.
    `ends_by_closing`: the protocol has no last message, so that an orderly close is how a call stops.
    """

    def __init__(
        self, service: WebContext, transport: Transport, codec: Codec,
        admit: Callable[[CallStarted], Awaitable[CallStarted | None]] | None = None, *, ends_by_closing: bool = False,
    ) -> None:
        self._service = service
        self._transport = transport
        self._codec = codec
        self._admit = admit
        self._ends_by_closing = ends_by_closing
        self._outbox = Outbox()
        self._call: LiveCall | None = None
        self._pace: Pace | None = None
        self._is_replaced = False
        self._is_revoked = self._is_starting = False
        self._limit = asyncio.timeout(None)
        """Runs out when the key that the stream came by is taken back."""
        self._watches = ExitStack()
        self._start_by = asyncio.get_running_loop().time() + service.settings.limits.start_s

    async def run(self) -> None:
        """Serve the stream; returns when the socket is closed, and the call's record is complete by then."""
        writer = asyncio.create_task(self._outbox.drain(self._send))
        code = 1011
        self._watch()
        try:
            code = await self._serve()
        finally:
            self._watches.close()
            await self._end(CallEnded("shutdown"))
            await self._close(code, writer)

    def _watch(self) -> None:
        """Let go of the stream when its key is taken back."""
        who = self._transport.principal
        self._watches.close()
        if who is not None:
            self._watches.enter_context(
                closed_on_revocation(self._service, who, ("POST", "/v1/audiosocket/calls"), self._revoke)
            )

    def _revoke(self) -> None:
        self._is_revoked = True
        if self._is_starting:
            return  # a call that is half open would stay so: it is let go of once it is whole
        with suppress(RuntimeError):  # the stream ends anyway
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def _serve(self) -> int:
        try:
            async with self._limit:
                return await self._read()
        except TimeoutError:
            if self._is_revoked:
                await self._end(CallEnded("revoked"))
                return self._refuse(_revoked())
            settings = self._service.settings
            if self._call is None and not self._is_replaced:
                return self._refuse(PeerError("stalled", f"no call started in {settings.limits.start_s:g} s"))
            await self._end(CallEnded("stalled"))
            return self._refuse(PeerError("stalled", f"nothing came for {settings.hold_s:g} s"))
        except PeerError as error:
            await self._end(CallEnded("revoked" if self._is_revoked else "protocol_error"))
            return self._refuse(error)

    async def _read(self) -> int:
        last = False
        while not last:
            try:
                events, last = await self._next()
                for event in events:
                    if isinstance(event, CallEnded):
                        await self._end(event)
                        return 1000
                    await self._handle(event)
                if self._pace is not None and (wait := self._pace.wait_s(events, asyncio.get_running_loop().time())):
                    await asyncio.sleep(wait)  # nothing is read meanwhile, so that the peer's own buffers fill
            except PeerError as error:
                await self._report(error)
            if self._outbox.overflowed and not last:
                raise PeerError("too_slow", "decisions were not read")
        return 1000

    async def _next(self) -> tuple[list[WireEvent], bool]:
        """The events of the next frame, and whether it is the connection's end."""
        try:
            frame = await self._receive()
        except Closed as closed:
            return self._lost(closed), True
        return self._codec.receive_text(frame) if isinstance(frame, str) else self._codec.receive_binary(frame), False

    async def _receive(self) -> Frame:
        """The next frame. A started call whose stream falls silent is paused, as on hold, and goes on with the next
        frame. Raises Closed, and TimeoutError for a silence that is too long."""
        settings = self._service.settings
        if self._call is None and not self._is_replaced:
            async with asyncio.timeout_at(self._start_by):
                return await self._transport.receive()
        try:
            # Only the client's own silence is a stall, not the time that the store takes.
            async with asyncio.timeout(min(settings.stall_s, settings.hold_s)):
                return await self._transport.receive()
        except TimeoutError:
            if self._call is None or settings.hold_s <= settings.stall_s:
                raise
        self._call.receive(MediaPaused())
        async with asyncio.timeout(settings.hold_s - settings.stall_s):
            frame = await self._transport.receive()
        if self._call is not None:
            self._call.receive(MediaResumed())
        return frame

    def _lost(self, closed: Closed) -> list[WireEvent]:
        events = self._codec.connection_lost()
        if events and closed.stopping:
            return [CallEnded("shutdown")]
        if events and closed.orderly and self._ends_by_closing:
            return [CallEnded("stopped")]
        return events

    async def _report(self, error: PeerError) -> None:
        if error.fatal:
            raise error
        self._outbox.put({"type": "error", "code": error.code, "text": str(error)})
        # Frames that came together are read without a pause; the writer needs its turn between them.
        await asyncio.sleep(0)

    async def _handle(self, event: WireEvent) -> None:
        if isinstance(event, CallStarted):
            await self._start(event)
            return
        if isinstance(event, ReplyDue):
            self._outbox.put(event.message)
            return
        if isinstance(event, FaultReported):
            self._service.metrics.reported.labels(event.code).inc()
            return
        if self._is_replaced:
            raise PeerError("replaced", "another stream goes on with this call")
        if self._call is None:
            raise PeerError("not_started", "the call has not started")
        if isinstance(event, IntentDeclared):
            await self._ask(event)
        elif isinstance(event, ConsentSaid):
            await self._call.hear_consent(event)
        else:
            self._call.receive(event)

    async def _ask(self, event: IntentDeclared) -> None:
        assert self._call is not None
        who = self._transport.principal
        tier = self._service.live.rules.actions.get(event.action, "unknown")
        if who is not None and not who.may_act(tier, {}):
            raise PeerError("action_forbidden", "actions of this tier are not for this key", fatal=False)
        self._service.actions.ask(self._payer, self._transport.tenant, asyncio.get_running_loop().time())
        asker = Asker("machine", "" if who is None else who.human)
        await self._call.request(secrets.token_hex(16), event.action, event.parameters, asker)

    async def _start(self, started: CallStarted) -> None:
        if self._admit is not None:
            started = await self._admit(started) or started
            self._watch()
        if not self._service.census.let_in(self._transport.connection):
            raise PeerError("too_many_calls", "no more calls can be taken now", close_code=1013)
        tenant, ref = self._transport.tenant, started.customer_ref
        started = replace(
            started, call_id=kept_name(tenant, started.call_id),
            customer_ref=None if ref is None else kept_name(tenant, ref),
        )
        structlog.contextvars.bind_contextvars(call_id=started.call_id)
        self._is_starting = True
        try:
            self._call = await self._service.registry.open(
                started, self._tell, owner=self._transport.owner, payer=self._payer,
                on_replaced=self._replace,
            )
            self._pace = Pace(self._service.settings.limits, started, asyncio.get_running_loop().time())
        finally:
            self._is_starting = False
        if self._is_revoked:
            raise _revoked()

    @property
    def _payer(self) -> str:
        """On whose quota the stream goes: its key's, or that of the platform that proves itself."""
        who = self._transport.principal
        return self._transport.owner if who is None else who.name

    async def _end(self, ended: CallEnded) -> None:
        call, self._call = self._call, None
        if call is not None:
            await self._service.registry.lose(call, ended)
            self._tell({"type": "stopped", "call_id": call.started.call_id, "reason": ended.reason})

    def _tell(self, message: Mapping[str, Any]) -> None:
        """Send a message of the call, with the names that its platform knows."""
        self._outbox.put(message if self._transport.tenant == DEFAULT else with_own_names(message))

    def _replace(self) -> None:
        """Another stream took the call over: nothing of this one reaches it any more."""
        self._call, self._is_replaced = None, True
        log.warning("stream replaced by another one of its call")

    def _refuse(self, error: PeerError) -> int:
        log.warning("stream refused", code=error.code, reason=str(error))
        self._service.metrics.refused.labels(error.code).inc()
        self._outbox.put({"type": "error", "code": error.code, "text": str(error)})
        return error.close_code

    async def _send(self, message: Mapping[str, Any]) -> None:
        for frame in self._codec.encode(message):
            await self._transport.send(frame)

    async def _close(self, code: int, writer: asyncio.Task[None]) -> None:
        emptied = asyncio.create_task(self._outbox.emptied())
        await asyncio.wait({writer, emptied}, timeout=DRAIN_S, return_when=asyncio.FIRST_COMPLETED)
        writer.cancel()
        emptied.cancel()
        # A reader that is gone ends the writer with Closed: nothing is left to tell it.
        await asyncio.gather(writer, emptied, return_exceptions=True)
        # Behind what a reader never took, the close frame waits for ever.
        with suppress(Closed, TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._transport.close(code)


def _revoked() -> AuthenticationError:
    return AuthenticationError("the key of this stream is revoked")
