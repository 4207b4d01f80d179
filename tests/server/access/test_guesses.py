"""Strangers guess at passwords over HTTP: they are slowed down, and shut nobody out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server.access.test_sign_in import Clock, on
from tests.server.desk import Someone, browser, someone
from tests.server.serving import Served
from voiceguard.server.access import password_policy

WRONG = "seven quiet heron"


async def guess(
    served: Served, who: Someone, clock: Clock, address: str, password: str | None = None, name: str | None = None,
    device: str | None = None,
) -> Any:
    """Sign in from an address, as the proxy on this machine says it."""
    body = {"name": name or who.name, "password": password or who.password, "code": who.code(clock.now)}
    headers = {"X-Forwarded-For": address} | ({} if device is None else {"Cookie": f"voiceguard-device={device}"})
    async with browser(served) as page:
        return await page.post("/v1/session", json=body, headers=headers)


def test_guesses_from_elsewhere_shut_nobody_out(tmp_path: Path) -> None:
    """The stranger waits, at their address and in their IPv6 network; the person signs in from another address."""
    async def use(served: Served, clock: Clock) -> tuple[list[int], int, int]:
        ann = await someone(served)
        strangers = [(await guess(served, ann, clock, f"2001:db8::{n}", WRONG)).status_code for n in range(1, 8)]
        elsewhere = (await guess(served, ann, clock, "192.0.2.1")).status_code
        clock.now += 30
        return strangers, elsewhere, (await guess(served, ann, clock, "2001:db8::99")).status_code

    assert ([401] * 5 + [429] * 2, 200, 429) == on(tmp_path, use)


def test_known_device_passes_while_everybody_guesses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that somebody signed in with is let in though their name and the whole address are waiting."""
    monkeypatch.setattr(password_policy, "FREE_TRIES_OF_ADDRESS", 6)
    monkeypatch.setattr(password_policy, "FREE_TRIES_OF_NAME", 5)

    async def use(served: Served, clock: Clock) -> list[int]:
        ann = await someone(served)
        device = (await guess(served, ann, clock, "192.0.2.1")).cookies["voiceguard-device"]
        clock.now += 60
        for number in range(20):
            await guess(served, ann, clock, "192.0.2.1", WRONG, name=None if number % 2 else f"name-{number}")
        unknown = await guess(served, ann, clock, "192.0.2.1")
        known = await guess(served, ann, clock, "192.0.2.1", device=device)
        return [unknown.status_code, known.status_code]

    assert [429, 200] == on(tmp_path, use)


@pytest.mark.parametrize("spoil", [lambda device: device[:-4] + "AAA=", lambda device: "x", lambda device: "gAAAAA"])
def test_forged_device_counts_as_none(tmp_path: Path, spoil: Any) -> None:
    """A cookie that is not ours is a stranger's."""
    async def use(served: Served, clock: Clock) -> list[int]:
        ann = await someone(served)
        device = spoil((await guess(served, ann, clock, "192.0.2.1")).cookies["voiceguard-device"])
        return [(await guess(served, ann, clock, "192.0.2.2", WRONG, device=device)).status_code for _ in range(7)]

    assert [401] * 5 + [429] * 2 == on(tmp_path, use)


def test_device_of_one_person_is_not_anothers(tmp_path: Path) -> None:
    """Ben's cookie does not free guesses at Ann's password, and guesses with one's own cookie are counted too."""
    async def use(served: Served, clock: Clock) -> list[list[int]]:
        ann, ben = await someone(served), await someone(served, "ben")
        device = (await guess(served, ben, clock, "192.0.2.1")).cookies["voiceguard-device"]
        return [
            [(await guess(served, who, clock, "192.0.2.3", WRONG, device=device)).status_code for _ in range(7)]
            for who in (ann, ben)
        ]

    assert [[401] * 5 + [429] * 2] * 2 == on(tmp_path, use)


def test_name_that_nobody_has_is_not_recorded(tmp_path: Path) -> None:
    """People type passwords into the field for names: the record holds a digest."""
    async def use(served: Served, clock: Clock) -> list[str]:
        ann = await someone(served)
        for _ in range(6):
            await guess(served, ann, clock, "192.0.2.1", name="my-passw0rd!")
        records = await served.service.store.calls.events("~people")
        return [record["key"] for record in records if record["kind"] == "guesses_blocked"]

    keys = on(tmp_path, use)
    assert keys
    assert not any("passw0rd" in key for key in keys)


def test_what_was_typed_as_a_name_lies_nowhere(tmp_path: Path) -> None:
    """A password and a card number in the field for names are in no byte of the data folder, however often."""
    typed = ("my-passw0rd!", "4111111111111111")

    async def use(served: Served, clock: Clock) -> None:
        ann = await someone(served)
        for name in typed * 6:
            await guess(served, ann, clock, "192.0.2.1", name=name)

    on(tmp_path, use)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"guesses_blocked" in kept
    assert [] == [name for name in typed if name.encode() in kept]


def test_blocked_guesses_write_one_record_a_minute(tmp_path: Path) -> None:
    """Strangers from many addresses: what was not recorded is counted in the next record."""
    async def use(served: Served, clock: Clock) -> list[tuple[float, int]]:
        ann = await someone(served)
        for network in range(8):
            for _ in range(6):
                await guess(served, ann, clock, f"192.0.{network}.1", name=f"nobody{network}")
        clock.now += 61.0
        for _ in range(6):
            await guess(served, ann, clock, "192.0.9.1", name="nobody9")
        records = await served.service.store.calls.events("~people")
        return [(record["at"], record["unrecorded"]) for record in records if record["kind"] == "guesses_blocked"]

    first, *_, last = on(tmp_path, use)
    assert 0 == first[1] and last[1] >= 7
    assert last[0] - first[0] >= 60.0


def test_header_of_a_stranger_is_not_believed(tmp_path: Path) -> None:
    """Where this machine is no trusted proxy, X-Forwarded-For changes nothing."""
    async def use(served: Served, clock: Clock) -> list[int]:
        ann = await someone(served)
        return [(await guess(served, ann, clock, f"192.0.2.{n}", WRONG)).status_code for n in range(7)]

    assert [401] * 5 + [429] * 2 == on(tmp_path, use, trusted_proxies=())
