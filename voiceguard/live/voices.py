"""Requests for the caller's voice of one call: who asked, and the answer that each waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from voiceguard.adapters.store import StoreError
from voiceguard.events import CallStarted, VoiceAsked, VoiceTaken
from voiceguard.live.context import LiveContext


class VoiceRequests:
    """Open requests of one call. `receive` puts a request to the call."""

    def __init__(self, receive: Callable[[VoiceAsked], None]) -> None:
        self._receive = receive
        self._open: list[tuple[VoiceAsked, asyncio.Future[VoiceTaken]]] = []

    def ask(self, asked: VoiceAsked) -> asyncio.Future[VoiceTaken]:
        """The caller's voice, once all windows before are judged, or why it must not be kept.

        Cancelled when the call ends without an answer.
        """
        future: asyncio.Future[VoiceTaken] = asyncio.get_running_loop().create_future()
        self._open.append((asked, future))
        self._receive(asked)
        return future

    def answer(self, taken: VoiceTaken) -> None:
        """Give the answer to whoever asked for it."""
        for place, (asked, future) in enumerate(self._open):
            if asked is taken.asked:
                del self._open[place]
                if not future.done():
                    future.set_result(taken)
                return

    def cancel(self) -> None:
        """The call is over: nobody gets an answer any more."""
        for _, future in self._open:
            future.cancel()


async def remember(
    context: LiveContext, started: CallStarted, taken: VoiceTaken, withdrawn: Collection[str]
) -> None:
    """Keep the voice of a call that ends, where there is one to keep and the caller did not object; a store that
    refuses loses no more than that."""
    if taken.voice is None:
        return
    try:
        await context.voices.remember(started, taken.voice, context.now(), withdrawn)
    except StoreError:
        context.metrics.store_errors.inc()
