"""Audio streams: one session driver for any codec."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from voiceguard.adapters.store import StoreError
from voiceguard.errors import AuthenticationError, PeerError
from voiceguard.events import CallEnded, CallStarted, IntentDeclared, WireEvent
from voiceguard.ingest.native import NativeCodec
from voiceguard.ingest.twilio import TwilioCodec, check_stream_token, verify_signature
from voiceguard.server.auth import authenticate, bearer
from voiceguard.server.calls import LiveCall, Service

OUTBOX = 64
"""Messages waiting for a slow reader: past this, risk messages are dropped; past twice this, the stream is closed."""
DRAIN_S = 2.0
"""Time a reader has for the last messages before its socket closes."""


class Codec(Protocol):
    """A wire protocol, sans I/O; see voiceguard.ingest."""

    def receive_text(self, text: str) -> list[WireEvent]: ...
    def receive_binary(self, data: bytes) -> list[WireEvent]: ...
    def connection_lost(self) -> list[WireEvent]: ...
    def encode(self, message: Mapping[str, Any]) -> str | None: ...


class Outbox:
    """Messages on their way to one reader, who never makes a call wait."""

    def __init__(self) -> None:
        self.overflowed = False
        self._messages: deque[Mapping[str, Any]] = deque()
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()

    def put(self, message: Mapping[str, Any]) -> None:
        """Queue a message. A full box gives up its oldest risk message, and never a decision."""
        if len(self._messages) >= OUTBOX:
            stale = next((index for index, queued in enumerate(self._messages) if queued["type"] == "risk"), None)
            if stale is not None:
                del self._messages[stale]
        if len(self._messages) >= 2 * OUTBOX:
            self.overflowed = True
            return
        self._messages.append(message)
        self._empty.clear()
        self._wake.set()

    async def drain(self, send: Callable[[Mapping[str, Any]], Awaitable[None]]) -> None:
        """Send for ever, in order."""
        while True:
            while self._messages:
                await send(self._messages[0])
                self._messages.popleft()
            self._empty.set()
            self._wake.clear()
            await self._wake.wait()

    async def emptied(self) -> None:
        """Return when everything has been sent."""
        await self._empty.wait()


class Session:
    """One stream on one accepted websocket, from its first frame to its close."""

    def __init__(
        self, service: Service, websocket: WebSocket, codec: Codec,
        admit: Callable[[CallStarted], Awaitable[None]] | None = None,
    ) -> None:
        self._service = service
        self._websocket = websocket
        self._codec = codec
        self._admit = admit
        self._outbox = Outbox()
        self._call: LiveCall | None = None

    async def run(self) -> None:
        """Serve the stream; returns when the socket is closed, and the call's record is complete by then."""
        writer = asyncio.create_task(self._outbox.drain(self._send))
        code = 1011
        try:
            code = await self._serve()
        finally:
            await self._end(CallEnded("shutdown"))
            await self._close(code, writer)

    async def _serve(self) -> int:
        try:
            return await self._read()
        except TimeoutError:
            await self._end(CallEnded("stalled"))
            return self._refuse(PeerError("stalled", f"nothing came for {self._service.settings.stall_s:g} s"))
        except PeerError as error:
            await self._end(CallEnded("protocol_error"))
            return self._refuse(error)

    async def _read(self) -> int:
        while True:
            # Only the client's own silence is a stall, not the time that the store takes.
            async with asyncio.timeout(self._service.settings.stall_s):
                frame = await self._websocket.receive()
            try:
                for event in self._decode(frame):
                    if isinstance(event, CallEnded):
                        await self._end(event)
                        return 1000
                    await self._handle(event)
            except PeerError as error:
                if error.fatal:
                    raise
                self._outbox.put({"type": "error", "code": error.code, "text": str(error)})
                # Frames that came together are read without a pause; the writer needs its turn between them.
                await asyncio.sleep(0)
            if frame["type"] == "websocket.disconnect":
                return 1000
            if self._outbox.overflowed:
                raise PeerError("too_slow", "decisions were not read")

    def _decode(self, frame: Mapping[str, Any]) -> list[WireEvent]:
        if frame["type"] == "websocket.disconnect":
            lost = self._codec.connection_lost()
            # uvicorn ends its streams with 1012, service restart, when it stops: the peer did not vanish. A peer may
            # close with that code too, and then its reason, though empty, is in the message.
            stopping = frame["code"] == 1012 and "reason" not in frame
            return [CallEnded("shutdown")] if lost and stopping else lost
        text = frame.get("text")
        return self._codec.receive_binary(frame["bytes"]) if text is None else self._codec.receive_text(text)

    async def _handle(self, event: WireEvent) -> None:
        if isinstance(event, CallStarted):
            await self._start(event)
            return
        if self._call is None:
            raise PeerError("not_started", "the call has not started")
        if isinstance(event, IntentDeclared):
            await self._call.request(secrets.token_hex(16), event.action, event.parameters)
        else:
            self._call.receive(event)

    async def _start(self, started: CallStarted) -> None:
        service = self._service
        if self._admit is not None:
            await self._admit(started)
        known = await service.known_voices(started)
        if started.call_id in service.calls:
            raise PeerError("call_exists", "a call with this call_id is live")
        if len(service.calls) >= service.settings.max_calls:
            raise PeerError("too_many_calls", "no more calls can be taken now", close_code=1013)
        self._outbox.put({
            "type": "started", "call_id": started.call_id, "models": dict(service.models), "policy": service.policy,
        })
        self._call = await LiveCall.open(service, started, self._outbox.put, known)

    async def _end(self, ended: CallEnded) -> None:
        call, self._call = self._call, None
        if call is not None:
            await call.close(ended)
            self._outbox.put({"type": "stopped", "call_id": call.started.call_id, "reason": ended.reason})

    def _refuse(self, error: PeerError) -> int:
        self._service.metrics.refused.labels(error.code).inc()
        self._outbox.put({"type": "error", "code": error.code, "text": str(error)})
        return error.close_code

    async def _send(self, message: Mapping[str, Any]) -> None:
        text = self._codec.encode(message)
        if text is not None:
            await self._websocket.send_text(text)

    async def _close(self, code: int, writer: asyncio.Task[None]) -> None:
        emptied = asyncio.create_task(self._outbox.emptied())
        await asyncio.wait({writer, emptied}, timeout=DRAIN_S, return_when=asyncio.FIRST_COMPLETED)
        writer.cancel()
        emptied.cancel()
        # A reader that is gone ends the writer with WebSocketDisconnect: nothing is left to tell it.
        await asyncio.gather(writer, emptied, return_exceptions=True)
        if WebSocketState.DISCONNECTED not in (self._websocket.client_state, self._websocket.application_state):
            # Behind what a reader never took, the close frame waits for ever.
            with suppress(WebSocketDisconnect, TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self._websocket.close(code)


async def native(websocket: WebSocket) -> None:
    """`WS /v1/stream/native`: our own protocol; the platform's API key with scope `stream` in the header."""
    service: Service = websocket.app.state.service
    await websocket.accept()
    codec = NativeCodec(options=service.settings.ingest)
    try:
        await authenticate(service.store, bearer(websocket), "/v1/stream/native")
    except AuthenticationError as error:
        await _turn_away(service, websocket, codec, error)
    except StoreError:
        unavailable = PeerError("store_unavailable", "keys cannot be checked now", close_code=1013)
        await _turn_away(service, websocket, codec, unavailable)
    else:
        await Session(service, websocket, codec).run()


async def twilio(websocket: WebSocket) -> None:
    """`WS /v1/stream/twilio`: Twilio Media Streams; refused before the upgrade without a right signature."""
    service: Service = websocket.app.state.service
    options = service.settings.twilio
    nonces: list[str] = []
    try:
        if options.auth_token is None and not options.shared_keys and options.stream_secret is None:
            raise AuthenticationError("no Twilio credentials are configured")
        if options.auth_token is not None or options.shared_keys:
            _check_signature(service, websocket)
    except AuthenticationError as error:
        # Twilio shows a refused upgrade as its error 31920; it has no error frame.
        service.metrics.refused.labels(error.code).inc()
        await websocket.close(error.close_code)
        return
    await websocket.accept()

    secret = options.stream_secret
    def check_token(token: str, call_sid: str) -> None:
        assert secret is not None
        nonces.append(check_stream_token(token, call_sid, service.now(), secret.get_secret_value()))

    async def admit(_: CallStarted) -> None:
        for nonce in nonces:
            try:
                fresh = await service.store.use_nonce(nonce, service.now() + 86400)
            except StoreError:
                raise PeerError("store_unavailable", "tokens cannot be checked now", close_code=1013) from None
            if not fresh:
                raise AuthenticationError("this token was used before")

    codec = TwilioCodec(options=service.settings.ingest, token=check_token if secret else None)
    await Session(service, websocket, codec, admit).run()


def _check_signature(service: Service, websocket: WebSocket) -> None:
    options = service.settings.twilio
    url = websocket.url
    origin = service.settings.public_origin or f"{url.scheme}://{url.netloc}"
    verify_signature(
        origin + url.path, websocket.headers.get("x-twilio-signature"),
        options.auth_token.get_secret_value() if options.auth_token else None,
        settings_header=websocket.headers.get("x-twilio-webhooks-signature-settings"),
        shared_keys={name: key.get_secret_value() for name, key in options.shared_keys.items()},
    )


async def _turn_away(service: Service, websocket: WebSocket, codec: Codec, error: PeerError) -> None:
    service.metrics.refused.labels(error.code).inc()
    text = codec.encode({"type": "error", "code": error.code, "text": str(error)})
    if text is not None:
        await websocket.send_text(text)
    await websocket.close(error.close_code)
