"""The bus between workers: notices to all, and questions to one, over Redis; a single worker has a local bus.

Messages are encrypted and authenticated with the installation's key for customer data, so that whoever reads or writes
Redis learns nothing and can command nothing. Redis delivers a message at most once: a question without an answer in
time raises BusError, and its asker fails closed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

import orjson
import structlog
from cryptography.fernet import InvalidToken
from redis.asyncio import Redis
from redis.exceptions import RedisError

from voiceguard.adapters.logs import described
from voiceguard.errors import ConfigurationError, VoiceguardError

Notice = Callable[[str, Any], None]
"""Takes the name of the sending worker and the message's body; must not block."""
Question = Callable[[Any], Awaitable[Any]]
"""Takes a question's body and returns its answer."""

PULSE_S = 0.5
"""Period of the message that this worker sends to itself: it proves the way to Redis and back."""
SILENCE_S = 2.5
"""Without any message for so long, the bus counts as down: Redis is gone, frozen or cut off."""
MESSAGE_TTL_S = 60
"""Age at which a message is refused, in seconds: bounds a replay and covers clocks that differ a little."""
MAX_WAITING = 10_000
"""Messages that wait to be sent; more are dropped and counted."""
_CHANNEL = "voiceguard"

log = structlog.get_logger()


class BusError(VoiceguardError):
    """The other worker did not answer, or the bus is down."""


class TimedCipher(Protocol):
    """Authenticated encryption with a time stamp, as `cryptography.fernet.Fernet`."""

    def encrypt(self, msg: bytes) -> bytes: ...
    def decrypt(self, token: bytes, ttl: int | None = None) -> bytes: ...


class LocalBus:
    """The bus of a worker that is alone: nobody listens, and nothing can fail."""

    is_alone = True
    is_up = True
    dropped = 0

    def __init__(self) -> None:
        self.worker = secrets.token_hex(8)

    def publish(self, topic: str, body: Any) -> None:
        """Send a notice to the other workers, of which there are none."""

    async def ask(self, worker: str, topic: str, body: Any, timeout_s: float) -> Any:
        """Raise BusError: there is no other worker."""
        raise BusError("there is no other worker")

    def on_notice(self, topic: str, take: Notice) -> None:
        """Register who takes the notices of a topic."""

    def on_question(self, topic: str, answer: Question) -> None:
        """Register who answers the questions of a topic."""

    def on_up(self, call: Callable[[], None]) -> None:
        """Register what is called each time the bus comes up."""


class RedisBus:
    """The bus between the workers of one installation; use `open_bus`."""

    is_alone = False

    def __init__(self, redis: Redis, cipher: TimedCipher) -> None:
        self.worker = secrets.token_hex(8)
        self.dropped = 0
        """Messages that were dropped: the queue was full, or Redis refused them."""
        self._redis = redis
        self._cipher = cipher
        self._notices: dict[str, list[Notice]] = {}
        self._questions: dict[str, Question] = {}
        self._on_up: list[Callable[[], None]] = []
        self._waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(MAX_WAITING)
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._heard_at = float("-inf")
        self._was_up = False

    @property
    def is_up(self) -> bool:
        """Whether a message of this worker came back from Redis within the last `SILENCE_S` seconds."""
        return asyncio.get_running_loop().time() - self._heard_at < SILENCE_S

    def publish(self, topic: str, body: Any) -> None:
        """Send a notice to all other workers; returns at once."""
        self._send("all", {"topic": topic, "from": self.worker, "body": body})

    async def ask(self, worker: str, topic: str, body: Any, timeout_s: float) -> Any:
        """Ask one worker and return its answer. Raises BusError without one in time."""
        question = secrets.token_hex(8)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[question] = answer
        try:
            self._send(worker, {"topic": topic, "from": self.worker, "question": question, "body": body})
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise BusError("the other worker did not answer in time") from None
        finally:
            del self._answers[question]

    def on_notice(self, topic: str, take: Notice) -> None:
        """Register who takes the notices of a topic."""
        self._notices.setdefault(topic, []).append(take)

    def on_question(self, topic: str, answer: Question) -> None:
        """Register who answers the questions of a topic."""
        self._questions[topic] = answer

    def on_up(self, call: Callable[[], None]) -> None:
        """Register what is called each time the bus comes up: notices may have been missed before."""
        self._on_up.append(call)

    async def run(self) -> None:
        """Read, write and send the pulse until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(), name="bus:read")
            tasks.create_task(self._write(), name="bus:write")
            tasks.create_task(self._pulse(), name="bus:pulse")

    def _send(self, to: str, message: dict[str, Any]) -> None:
        try:
            self._waiting.put_nowait((f"{_CHANNEL}:{to}", self._cipher.encrypt(orjson.dumps(message))))
        except asyncio.QueueFull:
            self.dropped += 1

    async def _pulse(self) -> None:
        while True:
            self._send(self.worker, {"topic": "pulse", "from": self.worker, "body": None})
            await asyncio.sleep(PULSE_S)
            up = self.is_up
            if self._was_up and not up:
                log.error("the bus is down: decisions go to people until it is up again")
            self._was_up = up

    async def _write(self) -> None:
        while True:
            channel, data = await self._waiting.get()
            try:
                async with asyncio.timeout(SILENCE_S):
                    await self._redis.publish(channel, data)
            except (RedisError, OSError, TimeoutError):
                self.dropped += 1

    async def _read(self) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(f"{_CHANNEL}:all", f"{_CHANNEL}:{self.worker}")
                    since = asyncio.get_running_loop().time()
                    while asyncio.get_running_loop().time() - max(since, self._heard_at) < SILENCE_S:
                        if (message := await pubsub.get_message(timeout=SILENCE_S)) is not None:
                            self._take(message["data"])
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("the bus cannot be read and is tried again", **described(error))
            await asyncio.sleep(PULSE_S)

    def _take(self, data: bytes) -> None:
        try:
            message = orjson.loads(self._cipher.decrypt(data, ttl=MESSAGE_TTL_S))
            topic, sender, body = message["topic"], message["from"], message["body"]
        except (InvalidToken, ValueError, KeyError, TypeError):
            self.dropped += 1  # of another installation, forged, or too old
            return
        was_up = self.is_up
        self._heard_at = asyncio.get_running_loop().time()
        if not was_up:
            log.info("the bus is up")
            for call in self._on_up:
                call()
        if (question := message.get("question")) is not None:
            task = asyncio.create_task(self._answer(sender, question, topic, body))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        elif (answered := message.get("answer")) is not None:
            if (future := self._answers.get(answered)) is not None and not future.done():
                future.set_result(body)
        elif sender != self.worker:
            for take in self._notices.get(topic, ()):
                _guarded(take, sender, body)

    async def _answer(self, sender: str, question: str, topic: str, body: Any) -> None:
        try:
            answer = await self._questions[topic](body)
        except Exception as error:  # the asker waits in vain and fails closed; this worker goes on
            log.error("a question of another worker failed", **described(error))
            return
        self._send(sender, {"topic": topic, "from": self.worker, "answer": question, "body": answer})


def _guarded(take: Notice, sender: str, body: Any) -> None:
    try:
        take(sender, body)
    except Exception as error:  # a worker of another version must not end the reading of all notices
        log.error("a notice of another worker failed", **described(error))


Bus = LocalBus | RedisBus


@asynccontextmanager
async def open_bus(url: str | None, cipher: TimedCipher) -> AsyncIterator[Bus]:
    """The bus at this Redis URL, which need not be up yet; a local one without a URL.

    Raises ConfigurationError for a URL that cannot be used.
    """
    if url is None:
        yield LocalBus()
        return
    try:
        redis = Redis.from_url(url, socket_connect_timeout=SILENCE_S, health_check_interval=0)
    except ValueError as error:
        raise ConfigurationError(f"redis_url cannot be used: {error}") from None
    bus = RedisBus(redis, cipher)
    try:
        async with running(bus.run(), "bus"):
            yield bus
    finally:
        with suppress(RedisError, OSError):
            await redis.aclose()


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Run this beside, and cancel it in the end."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
