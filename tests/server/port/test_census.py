"""Who gets a place, and who gives way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.server.endings import until
from tests.server.port.strangers import besieged, refused, settings
from tests.server.serving import Served
from voiceguard.errors import ConfigurationError
from voiceguard.server.port import census
from voiceguard.server.port.census import Census
from voiceguard.settings import AudioSocketOptions, LimitOptions


@dataclass(eq=False)
class Peer:
    """A connection that remembers whether it was cut."""

    census: Census
    is_waiting: bool = True
    was_cut: bool = False

    def cut(self) -> None:
        self.was_cut = True


@dataclass
class Port:
    """A census and the reasons for which it refused."""

    most: int = 16
    of_address: int = 16
    reasons: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        limits = LimitOptions(connections=self.most, connections_per_address=self.of_address)
        self.census = Census(settings(limits=limits, trusted_proxies=("10.0.0.0/8",)), self.reasons.append)

    def admit(self, address: str, *, is_waiting: bool = True) -> Peer | None:
        """A connection from there, or None."""
        peer = Peer(self.census, is_waiting)
        return peer if self.census.admit(peer, (address, 1)) else None


def test_full_port_gives_way_to_whoever_comes() -> None:
    """The silent connection that came first is cut; one that asked for something is not."""
    port = Port()
    first = port.admit("192.0.2.1", is_waiting=False)
    others = [port.admit(f"192.0.2.{number}") for number in range(2, 17)]

    newcomer = port.admit("192.0.2.99")

    assert (False, True) == (first is None or first.was_cut, newcomer is not None)
    assert [True] + [False] * 14 == [other is not None and other.was_cut for other in others]
    assert ["too_many"] == port.reasons


def test_full_port_of_busy_connections_refuses() -> None:
    """Nobody whose request is under way is cut for a newcomer."""
    port = Port()
    for number in range(16):
        port.admit(f"192.0.2.{number}", is_waiting=False)

    assert port.admit("192.0.2.99") is None


@pytest.mark.parametrize(("addresses", "counted_as_one"), [
    (("2001:db8::1", "2001:db8::2"), True), (("2001:db8::1", "2001:db8:0:1::1"), False),
    (("::ffff:192.0.2.1", "192.0.2.1"), True), (("fe80::1%eth0", "fe80::2%eth0"), True),
    (("10.1.2.3", "10.1.2.3"), False),
])
def test_addresses_are_counted_by_whose_they_are(addresses: tuple[str, str], counted_as_one: bool) -> None:
    """An IPv6 host has a network of 64 bits; an address in IPv6 clothes is itself; a trusted proxy is not counted."""
    port = Port(of_address=1)
    port.admit(addresses[0])

    assert counted_as_one == (port.admit(addresses[1]) is None)


def test_place_is_given_back_once() -> None:
    """Leaving twice, as stranger and as guest, frees one place."""
    port = Port(of_address=2)
    peers = [port.admit("192.0.2.1"), port.admit("192.0.2.1")]
    assert peers[0] is not None
    assert port.census.let_in(peers[0])
    for _ in range(2):
        port.census.leave(peers[0])

    assert (1, 0) == (port.census.strangers, port.census.guests)
    assert port.admit("192.0.2.1") is not None
    assert port.admit("192.0.2.1") is None


def test_guests_are_bounded_by_calls() -> None:
    """Past the calls and some feeds nobody is let in."""
    port = Port()
    most = settings().max_calls + census.GUESTS_BESIDE_CALLS

    assert [True] * most + [False] == [port.census.let_in(Peer(port.census)) for _ in range(most + 1)]


def test_too_few_descriptors_refuse_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams and the database come first: with fewer descriptors than they need, nothing is served."""
    monkeypatch.setattr(census, "descriptors", lambda: 400)

    with pytest.raises(ConfigurationError, match="may open 400 files"):
        Census(settings(max_calls=200))


def test_few_descriptors_leave_strangers_fewer_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers get what calls and the database leave."""
    kept = 10 + census.GUESTS_BESIDE_CALLS + census.KEPT_BACK
    monkeypatch.setattr(census, "descriptors", lambda: kept + 16)
    small = Census(settings(max_calls=10))

    admitted = [small.admit(Peer(small, is_waiting=False), (f"192.0.2.{number}", 1)) for number in range(17)]

    assert [True] * 16 + [False] == admitted


def test_silent_audiosocket_connections_are_cut(tmp_path: Path) -> None:
    """The TCP port of AudioSocket counts with the other, and hangs up on who names no call."""

    async def use(served: Served) -> tuple[bool, float]:
        limit = served.service.census.limits.connections_per_address
        port = served.service.audiosocket_port
        ends = [await asyncio.open_connection("127.0.0.1", port) for _ in range(limit + 20)]
        await until(lambda: refused(served, "too_many_of_address") >= 20)
        held = served.service.census.strangers
        await until(lambda: not served.service.census.strangers)
        for _, writer in ends:
            writer.transport.abort()
        return held == limit, refused(served, "too_many_of_address")

    async def run() -> tuple[bool, float]:
        async with besieged(tmp_path, LimitOptions(start_s=3.0), audiosocket=AudioSocketOptions(port=0)) as served:
            return await use(served)

    assert (True, 20.0) == asyncio.run(run())
