"""What every live call of one process needs: settings, store, models, keys, and where its news goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from voiceguard.adapters.audit_seal import AuditSeal
from voiceguard.adapters.bus import Bus, LocalBus
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.models.scheduler import Scheduler
from voiceguard.adapters.store import Store
from voiceguard.call import Call
from voiceguard.events import CallStarted, CodeToDeliver, EarlierStream, KnownVoices
from voiceguard.live.feed import Hub
from voiceguard.live.gallery import VoiceGallery
from voiceguard.live.metrics import Metrics
from voiceguard.measures.drift import Drift
from voiceguard.policy.rules import Policy
from voiceguard.settings import Settings


@dataclass(frozen=True)
class LiveContext:
    """Shared by all calls of a process."""

    settings: Settings
    store: Store
    scheduler: Scheduler
    keys: Keys
    seal: AuditSeal
    """Signs the audit's checkpoints."""
    deliver: Callable[[CodeToDeliver], Awaitable[None]]
    """Brings a one-time code to the customer; raises VoiceguardError when it cannot."""
    new_call: Callable[[CallStarted, KnownVoices, EarlierStream | None], Call]
    models: Mapping[str, str]
    """Role to `<name>@<sha256-12>`."""
    rules: Policy
    """The policy in force."""
    now: Callable[[], float]
    """Unix seconds."""
    voices: VoiceGallery
    drift: Drift = field(default_factory=lambda: Drift({}))
    hub: Hub = field(default_factory=Hub)
    metrics: Metrics = field(default_factory=Metrics)
    bus: Bus = field(default_factory=LocalBus)
    """The way to the other workers."""

    @property
    def policy(self) -> str:
        """First 12 hex digits of the policy's SHA-256."""
        return self.rules.sha256[:12]
