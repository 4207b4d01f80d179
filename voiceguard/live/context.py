"""What all live calls of one process share, and its clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from voiceguard.adapters.keys import Keys
from voiceguard.adapters.models.scheduler import Scheduler
from voiceguard.adapters.oidc import Provider
from voiceguard.adapters.store import Store, StoreError
from voiceguard.events import CallInput, CallStarted, CodeToDeliver, KnownVoices, Outcome, Samples, TimePassed
from voiceguard.live.feed import Hub
from voiceguard.live.metrics import Metrics
from voiceguard.live.voices import REFRESH_S, VoiceDesk
from voiceguard.measures.drift import Drift
from voiceguard.policy.rules import Policy
from voiceguard.server.access.passwords import Passwords
from voiceguard.settings import Settings

if TYPE_CHECKING:
    from voiceguard.live.call import LiveCall

CHECKPOINT_S = 60.0


class Core(Protocol):
    """What a live call needs of `voiceguard.call.Call`."""

    def receive(self, event: CallInput, now: float) -> list[Outcome]: ...
    @property
    def speech(self) -> Sequence[tuple[float, float]]: ...
    def heard_lately(self) -> Samples: ...


class Deliver(Protocol):
    """Brings a one-time code to the customer; raises VoiceguardError when it cannot."""

    async def deliver(self, code: CodeToDeliver) -> None: ...


@dataclass
class Service:
    """Everything that the calls of one process share."""

    settings: Settings
    store: Store
    scheduler: Scheduler
    keys: Keys
    deliver: Deliver
    new_call: Callable[[CallStarted, KnownVoices], Core]
    models: Mapping[str, str]
    """Role to `<name>@<sha256-12>`."""
    policy: str
    """First 12 hex digits of the policy's SHA-256."""
    rules: Policy
    """The policy itself, for people who ask what it demands."""
    now: Callable[[], float]
    voices: VoiceDesk
    oidc: Provider | None = None
    """Who vouches for people besides this service."""
    passwords: Passwords = field(default_factory=Passwords)
    drift: Drift = field(default_factory=lambda: Drift({}))
    hub: Hub = field(default_factory=Hub)
    metrics: Metrics = field(default_factory=Metrics)
    calls: dict[str, LiveCall] = field(default_factory=dict)
    actions: dict[str, LiveCall] = field(default_factory=dict)
    """Action id to the live call that it belongs to."""
    audiosocket_port: int | None = None
    """Where AudioSocket is listened for, while it is."""

    async def tick(self) -> None:
        """Let every call's time-outs fire, four times a second, until cancelled."""
        while True:
            await asyncio.sleep(0.25)
            present = self.hub.people()
            for call in list(self.calls.values()):
                call.receive(TimePassed())
                call.watch_handovers(present)

    async def seal(self) -> None:
        """Sign a checkpoint over all chains and forget sessions that are over, once a minute, until cancelled."""
        while True:
            await asyncio.sleep(CHECKPOINT_S)
            await self.checkpoint()
            await self.forget_sessions()

    async def forget_sessions(self) -> None:
        """Delete sessions that ended by themselves. A store that refuses is counted, and asked again later."""
        now, desk = self.now(), self.settings.desk
        try:
            await self.store.users.forget_sessions(
                created_before=now - desk.session_absolute_s, seen_before=now - desk.session_idle_s
            )
        except StoreError:
            self.metrics.store_errors.inc()

    async def refresh_voices(self) -> None:
        """Read the lists of voices anew once a minute, until cancelled. A store that refuses is counted."""
        while True:
            try:
                await self.voices.refresh(self.now())
            except StoreError:
                self.metrics.store_errors.inc()
            await asyncio.sleep(REFRESH_S)

    async def known_voices(self, started: CallStarted) -> KnownVoices:
        """What a call's voice is compared with; nothing when the store cannot be asked: it would only add risk."""
        try:
            return await self.voices.known(started)
        except StoreError:
            self.metrics.store_errors.inc()
            return KnownVoices()

    async def checkpoint(self) -> None:
        """Sign a checkpoint now. A store that refuses is counted; the next checkpoint covers the same records."""
        try:
            await self.store.audit.checkpoint(self.keys.sign, self.now())
        except StoreError:
            self.metrics.store_errors.inc()
