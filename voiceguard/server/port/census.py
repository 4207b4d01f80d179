"""Who is connected: strangers, for whom nothing was opened yet, are few; guests have their own, larger number."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from voiceguard.errors import ConfigurationError
from voiceguard.settings import Settings

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

BACKLOG = 128
"""Connections that the system keeps for us, and how many are taken before the first of them is counted."""
KEPT_BACK = 2 * BACKLOG
"""Descriptors that no connection gets: of the database, of files, of webhooks, and of what is accepted but not yet
counted."""
GUESTS_BESIDE_CALLS = 100
"""Live feeds, and streams that take over from others."""
LEAST_STRANGERS = 16


class Connection(Protocol):
    """One TCP connection."""

    @property
    def is_waiting(self) -> bool:
        """Whether it has asked for nothing yet, so that it may give way to another."""
        ...

    def cut(self) -> None:
        """Close it now, whatever lies unsent."""
        ...


class Census:
    """Counts the connections of one process; `note` is told why one was refused."""

    def __init__(self, settings: Settings, note: Callable[[str], None] = lambda _: None) -> None:
        self.limits = settings.limits
        self.note = note
        self._trusted = tuple(ipaddress.ip_network(proxy) for proxy in settings.trusted_proxies)
        self._most_guests = settings.max_calls + GUESTS_BESIDE_CALLS
        self._most_strangers = min(self.limits.connections, descriptors() - self._most_guests - KEPT_BACK)
        self._strangers: dict[Connection, str | None] = {}
        self._guests: set[Connection] = set()
        self._of_address: Counter[str] = Counter()
        if self._most_strangers < LEAST_STRANGERS:
            needed = self._most_guests + KEPT_BACK + LEAST_STRANGERS
            raise ConfigurationError(
                f"this process may open {descriptors()} files, and max_calls {settings.max_calls} needs {needed}: "
                "raise the limit (ulimit -n), or lower max_calls"
            )

    @property
    def strangers(self) -> int:
        """Connections for which nothing was opened."""
        return len(self._strangers)

    @property
    def guests(self) -> int:
        """Streams and live feeds."""
        return len(self._guests)

    def admit(self, connection: Connection, peer: Any) -> bool:
        """Count a new connection; `peer`: the socket's peer name. False when there are too many.

        Where all places are taken, whoever has waited longest without asking for anything gives way.
        """
        address = self._counted(peer)
        if address is not None and self._of_address[address] >= self.limits.connections_per_address:
            self.note("too_many_of_address")
            return False
        if len(self._strangers) >= self._most_strangers:
            self.note("too_many")
            waiting = next((one for one in self._strangers if one.is_waiting), None)
            if waiting is None:
                return False
            self.leave(waiting)
            waiting.cut()
        self._strangers[connection] = address
        if address is not None:
            self._of_address[address] += 1
        return True

    def let_in(self, connection: Connection) -> bool:
        """A stream or a feed is opened for it, so that it takes no stranger's place. False when there are too many."""
        if len(self._guests) >= self._most_guests:
            self.note("too_many_guests")
            return False
        self.leave(connection)
        self._guests.add(connection)
        return True

    def leave(self, connection: Connection) -> None:
        """It is gone, or about to go; more than once does no harm."""
        self._guests.discard(connection)
        if connection in self._strangers:
            address = self._strangers.pop(connection)
            if address is not None:
                self._of_address[address] -= 1
                if not self._of_address[address]:
                    del self._of_address[address]

    def _counted(self, peer: Any) -> str | None:
        """The address to count, or None for a trusted proxy, which speaks for many, and for a Unix socket."""
        if not isinstance(peer, tuple):
            return None
        address = _address(peer[0])
        return None if any(address in network for network in self._trusted) else network_of(peer[0])


def network_of(host: str) -> str:
    """Whose an address is: an IPv4 address itself, or the IPv6 network of 64 bits, of which one host has all."""
    address = _address(host)
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(host.partition("%")[0])
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def descriptors() -> int:
    """Files and sockets that this process may open."""
    if resource is None:
        return 8192
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft


def raise_descriptors() -> None:
    """Open as many as the system lets this process."""
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
        if descriptors() < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
