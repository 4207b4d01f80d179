"""Asterisk AudioSocket: a TCP listener beside the HTTP server, and TCP as a transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import structlog

from voiceguard.adapters.store import StoreError
from voiceguard.adapters.store.registrations import Registered
from voiceguard.errors import AuthenticationError, ConfigurationError, PeerError
from voiceguard.events import CallStarted
from voiceguard.events.tenants import DEFAULT, kept_name
from voiceguard.ingest.audiosocket import AudioSocketCodec, Messages
from voiceguard.server.access.principal import Principal
from voiceguard.server.context import WebContext
from voiceguard.server.port.census import BACKLOG, Connection
from voiceguard.server.streams.session import Closed, Frame, Session

READ_BYTES = 65536
CLOSE_S = 1.0
"""For the peer to take what it was sent."""


class TcpTransport:
    """An accepted TCP connection; its frames are AudioSocket's messages."""

    owner = "audiosocket"

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, messages: Messages) -> None:
        self.tenant = DEFAULT
        """Of the registered call, once it is known."""
        self.principal: Principal | None = None
        """Whose key registered it."""
        self._reader, self._writer, self._messages = reader, writer, messages
        self.connection: Connection = self

    async def receive(self) -> Frame:
        """The next message; the connection is closed in order when its end is no message's middle."""
        while (message := self._messages.next()) is None:
            try:
                data = await self._reader.read(READ_BYTES)
            except OSError:
                raise Closed from None
            if not data:
                raise Closed(orderly=self._messages.between)
            self._messages.feed(data)
        return message

    async def send(self, frame: Frame) -> None:
        """Behind what was sent before."""
        assert isinstance(frame, bytes)
        try:
            self._writer.write(frame)
            await self._writer.drain()
        except OSError:
            raise Closed from None

    async def close(self, code: int) -> None:
        """TCP knows no codes; a peer that does not read is cut off."""
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._writer.wait_closed()
        except OSError:  # TimeoutError is one
            self.cut()

    @property
    def is_waiting(self) -> bool:
        """Whether it has named no call yet: a connection of which one was let in is no stranger."""
        return True

    def cut(self) -> None:
        """Close it now, whatever lies unsent."""
        self._writer.transport.abort()


@asynccontextmanager
async def audiosocket(service: WebContext) -> AsyncIterator[None]:
    """Listen where the settings say, or nowhere; in the end, every call of it ends as the service does.

    Raises ConfigurationError where nobody can listen.
    """
    options = service.settings.audiosocket
    if options.port is None:
        yield
        return
    calls: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        transport = TcpTransport(reader, writer, Messages(service.settings.ingest.max_binary_bytes))
        if not service.census.admit(transport, writer.get_extra_info("peername")):
            transport.cut()
            return
        calls.add(task)
        structlog.contextvars.bind_contextvars(protocol="audiosocket")
        try:
            await Session(
                service, transport, AudioSocketCodec(), lambda started: admit(service, transport, started),
                ends_by_closing=True,
            ).run()
        except asyncio.CancelledError:
            pass  # the service stops: the session has told its call so, and asyncio would print this as an error
        finally:
            service.census.leave(transport)
            calls.discard(task)

    try:
        server = await asyncio.start_server(
            serve, options.host, options.port, backlog=BACKLOG, reuse_port=service.settings.workers > 1
        )
    except OSError as error:
        raise ConfigurationError(f"audiosocket: cannot listen on {options.host}:{options.port}: {error}") from None
    service.audiosocket_port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def admit(service: WebContext, transport: TcpTransport, started: CallStarted) -> CallStarted:
    """The call as it was registered; raises AuthenticationError for one that was not, or that came before."""
    registered = await claim(service, UUID(started.call_id))
    transport.tenant, transport.principal = registered.tenant, await registrar(service, registered)
    return as_registered(started, registered)


async def claim(service: WebContext, uuid: UUID) -> Registered:
    """What was registered under this UUID: once, and again for a further stream of the same call. Raises PeerError."""
    try:
        registered = await service.store.registrations.claim(uuid, service.now())
    except StoreError:
        raise PeerError("store_unavailable", "calls cannot be looked up now", close_code=1013) from None
    if registered is not None:
        service.claims[uuid] = registered
        if len(service.claims) > 2 * service.settings.max_calls:
            del service.claims[next(iter(service.claims))]
        return registered
    registered = service.claims.get(uuid)
    if registered is None or not service.registry.goes_on(
        kept_name(registered.tenant, registered.call_id or str(uuid))
    ):
        raise AuthenticationError("no call is registered under this UUID")
    return registered


async def registrar(service: WebContext, registered: Registered) -> Principal | None:
    """Whose key registered the call. Raises PeerError for a key that was taken back since."""
    if not registered.key:
        return None
    try:
        holders = await service.store.api_keys.holders([registered.key], service.now())
    except StoreError:
        raise PeerError("store_unavailable", "keys cannot be checked now", close_code=1013) from None
    if registered.key not in holders:
        raise AuthenticationError("the key that registered this call is revoked")
    return Principal.of_key(holders[registered.key])


def as_registered(started: CallStarted, registered: Registered) -> CallStarted:
    """What was registered of the call, over what its stream says."""
    return replace(
        started, call_id=registered.call_id or started.call_id, customer_ref=registered.customer_ref,
        consent=registered.consent, metadata={**started.metadata, **registered.metadata},
    )
