"""What the HTTP and websocket endpoints of one process share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from voiceguard.adapters.delivery.outbox import Sender
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.oidc import Provider
from voiceguard.adapters.passwords import Passwords
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.registrations import Registered
from voiceguard.live.cluster import VOICES
from voiceguard.live.context import LiveContext
from voiceguard.live.jobs import Jobs
from voiceguard.live.metrics import Metrics
from voiceguard.live.registry import Registry
from voiceguard.server.connections import Connections
from voiceguard.server.port.census import Census
from voiceguard.server.quotas import ActionQuotas
from voiceguard.server.strangers import Strangers
from voiceguard.server.uses import Counted
from voiceguard.settings import Settings
from voiceguard.text.reader import Reader


@dataclass
class WebContext:
    """The live calls and what they need, and who may sign in."""

    live: LiveContext
    registry: Registry
    jobs: Jobs
    reader: Reader
    """Reads texts: wishes, orders and personal data."""
    census: Census
    """Who is connected."""
    actions: ActionQuotas
    """Who may ask for how many actions."""
    sender: Sender
    """Tells subscribers of events."""
    oidc: Provider | None = None
    """The identity provider that vouches for people, where one is configured."""
    connections: Connections = field(default_factory=Connections)
    """Open streams and live feeds."""
    strangers: Strangers = field(default_factory=Strangers)
    """Bounds the records of those whom nobody knows."""
    passwords: Passwords = field(default_factory=Passwords)
    claims: dict[UUID, Registered] = field(default_factory=dict)
    """Registrations that opened a call, so that a further stream of it is let in; the oldest are forgotten."""
    counted: Counted = field(default_factory=Counted)
    """Uses of routes that are not in the store yet."""
    audiosocket_port: int | None = None
    """TCP port of the AudioSocket listener, while it listens."""

    async def voices_changed(self) -> None:
        """Read the lists of voices anew, at every worker. Raises StoreError."""
        await self.live.voices.refresh(self.live.now())
        self.live.bus.publish(VOICES, None)

    @property
    def settings(self) -> Settings:
        """Every setting of the service."""
        return self.live.settings

    @property
    def store(self) -> Store:
        """The database."""
        return self.live.store

    @property
    def keys(self) -> Keys:
        """Signing keys, and the cipher of customers' data."""
        return self.live.keys

    @property
    def metrics(self) -> Metrics:
        """Prometheus metrics of this process."""
        return self.live.metrics

    @property
    def now(self) -> Callable[[], float]:
        """The wall clock, Unix seconds."""
        return self.live.now
