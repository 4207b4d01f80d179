"""Sends what the outbox holds: signed as Standard Webhooks says, at least once, in order per subscriber and call."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import httpx
from standardwebhooks.webhooks import Webhook

from voiceguard.adapters.delivery.address import AddressRefused, checked_url, resolve
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.outbox import Message, Tried
from voiceguard.adapters.store.webhooks import Subscriber
from voiceguard.errors import ConfigurationError
from voiceguard.events.published import TEST
from voiceguard.settings import WebhookOptions

TIMEOUT_S: Final = 5.0
"""Longest wait for a subscriber's answer, connecting included."""
RESOLVE_S: Final = 2.0
"""Longest wait for a name service."""
TURN_S: Final = 5.0
"""After so many seconds a turn sends nothing more."""
BATCH: Final = 200
"""Messages that are claimed at once."""
AT_ONCE: Final = 8
"""Messages on their way to one subscriber."""
_READ_BYTES: Final = 4096
"""A longer answer costs its connection; what it says never counts."""


class Sender:
    """Use `turn` again and again, and `aclose` in the end."""

    def __init__(
        self, store: Store, options: WebhookOptions, now: Callable[[], float], *,
        count: Callable[[str], None] = lambda _: None, tls: ssl.SSLContext | None = None,
    ) -> None:
        """`count` is told each try's outcome. `tls` is for those who have certificates of their own."""
        self._store = store
        self._options = options
        self._now = now
        self._count = count
        self._tls = tls
        self._clients: dict[str, httpx.AsyncClient] = {}
        """Webhook id to its connections: they are pinned to addresses, so hosts must not share them."""
        # Not the loop's own threads: a name service that hangs would keep all others from them.
        self._resolvers = ThreadPoolExecutor(4, "webhook names")

    async def turn(self) -> None:
        """Send what is due, to every subscriber beside the others. Raises StoreError; what was sent and not settled is
        sent again later."""
        subscribers = await self._store.webhooks.subscribers()
        await asyncio.gather(*map(self._send_due, subscribers.values()))

    async def test(self, webhook_id: str) -> Tried | None:
        """Send a test now, once; None for an unknown subscriber. Raises StoreError."""
        subscriber = (await self._store.webhooks.subscribers()).get(webhook_id)
        if subscriber is None:
            return None
        message = await self._store.outbox.add_test(webhook_id, TEST, self._now())
        (sent,) = await self._send_all(subscriber, [message], asyncio.get_running_loop().time() + TURN_S)
        tried = replace(sent, is_last=True)
        await self._settle([tried])
        return tried

    async def forget(self) -> None:
        """Delete what ended long ago. Raises StoreError."""
        await self._store.outbox.forget(self._now() - 86400.0 * self._options.kept_days)

    async def aclose(self) -> None:
        """Close the connections that are kept open between turns."""
        await asyncio.gather(*(client.aclose() for client in self._clients.values()))
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def _send_due(self, subscriber: Subscriber) -> None:
        deadline = asyncio.get_running_loop().time() + TURN_S
        while messages := await self._store.outbox.claim(subscriber.webhook_id, self._now(), BATCH):
            await self._settle(await self._send_all(subscriber, messages, deadline))
            if len(messages) < BATCH or asyncio.get_running_loop().time() > deadline:
                return

    async def _settle(self, tried: Sequence[Tried]) -> None:
        for one in tried:
            if one.status is not None or one.cause is not None:
                self._count("failed" if one.state == "waiting" else one.state)
        await self._store.outbox.settle(tried, self._now())

    async def _send_all(
        self, subscriber: Subscriber, messages: Sequence[Message], deadline: float
    ) -> list[Tried]:
        """Send to one subscriber: calls beside each other, a call's messages one after the other."""
        try:
            url = checked_url(subscriber.url, self._options)
            async with asyncio.timeout(RESOLVE_S):
                address = await asyncio.get_running_loop().run_in_executor(
                    self._resolvers, resolve, url, self._options
                )
        except (ConfigurationError, AddressRefused):
            return _first_of_each(messages, "address_refused")
        except OSError as error:  # TimeoutError too
            return _first_of_each(messages, "timeout" if isinstance(error, TimeoutError) else "unknown_host")
        client = await self._client(subscriber)
        by_call: dict[str, list[Message]] = {}
        for message in messages:
            by_call.setdefault(message.call_id, []).append(message)
        free = asyncio.Semaphore(AT_ONCE)
        is_down = False

        async def send_call(theirs: Sequence[Message]) -> list[Tried]:
            nonlocal is_down
            done: list[Tried] = []
            for message in theirs:
                async with free:
                    if is_down or asyncio.get_running_loop().time() > deadline:
                        break
                    done.append(await self._send(client, subscriber, url, address, message))
                if done[-1].cause is not None:
                    is_down = is_down or done[-1].status is None  # each try would wait as long
                    break
            return done + [Tried(message) for message in theirs[len(done):]]

        return [one for part in await asyncio.gather(*map(send_call, by_call.values())) for one in part]

    async def _send(
        self, client: httpx.AsyncClient, subscriber: Subscriber, url: httpx.URL, address: str, message: Message
    ) -> Tried:
        at = datetime.fromtimestamp(self._now(), UTC)
        headers = {
            "Content-Type": "application/json", "Host": url.netloc.decode(), "User-Agent": "voiceguard",
            "webhook-id": message.message_id, "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(subscriber.secret).sign(message.message_id, at, message.body),
        }
        status = None
        try:
            async with asyncio.timeout(TIMEOUT_S), client.stream(
                "POST", url.copy_with(host=address), content=message.body.encode(), headers=headers,
                extensions={"sni_hostname": url.host},
            ) as response:
                status = response.status_code
                if int(response.headers.get("Content-Length", _READ_BYTES + 1)) <= _READ_BYTES:
                    async for _ in response.aiter_raw():  # so that the connection can be used again
                        pass
        except (httpx.HTTPError, TimeoutError, OSError, ValueError) as error:
            if status is None:
                return Tried(message, cause="timeout" if isinstance(error, TimeoutError) else type(error).__name__)
        assert status is not None
        is_ok = 200 <= status <= 299
        return Tried(message, status, None if is_ok else "redirect" if 300 <= status <= 399 else "refused")

    async def _client(self, subscriber: Subscriber) -> httpx.AsyncClient:
        if self._tls is None:  # reading the system's certificates takes tens of milliseconds
            self._tls = await asyncio.to_thread(httpx.create_ssl_context)
        if subscriber.webhook_id not in self._clients:
            # A proxy from the environment would look the host up by itself.
            self._clients[subscriber.webhook_id] = httpx.AsyncClient(
                verify=self._tls, trust_env=False, follow_redirects=False, timeout=TIMEOUT_S,
                limits=httpx.Limits(max_connections=AT_ONCE, keepalive_expiry=30.0),
            )
        return self._clients[subscriber.webhook_id]


def _first_of_each(messages: Sequence[Message], cause: str) -> list[Tried]:
    """The first message of each call has failed, and the others wait behind it."""
    seen: set[str] = set()
    tried = []
    for message in messages:
        tried.append(Tried(message) if message.call_id in seen else Tried(message, cause=cause))
        seen.add(message.call_id)
    return tried
