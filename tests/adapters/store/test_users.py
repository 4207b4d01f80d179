"""People in the store, on real SQLite files; tests/server/access goes the same ways over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.adapters.store.helpers import on
from voiceguard.adapters.store import Store, StoreError
from voiceguard.adapters.store.users import CHAIN, Users

CIPHER = Fernet(Fernet.generate_key())
ISSUER = "https://id.example.com"


def using(folder: Path, use: Callable[[Users], Awaitable[Any]], cipher: Fernet = CIPHER) -> Any:
    async def run(store: Store) -> Any:
        return await use(store.users)

    return on(folder / "v.db", run, cipher)


async def added(people: Users, name: str = "ann") -> None:
    assert await people.add(name, ["agent"], setup=f"setup-{name}", expires=100.0, by="root", now=1.0)


def test_who_there_is(tmp_path: Path) -> None:
    """A name is taken once; what becomes of somebody is listed."""
    async def use(people: Users) -> Any:
        await added(people)
        twice = await people.add("ann", ["admin"], setup="x", expires=100.0, by="root", now=1.0)
        unknown = [await people.disable("eve", by="root", now=1.0),
                   await people.change_roles("eve", ["admin"], by="root", now=1.0),
                   await people.reset("eve", setup="y", expires=1.0, by="root", now=1.0), await people.find("eve")]
        await people.change_roles("ann", ["supervisor", "agent"], by="root", now=2.0)
        await people.disable("ann", by="root", now=3.0)
        return twice, unknown, await people.list()

    twice, unknown, listed = using(tmp_path, use)
    assert (False, [False, False, False, None]) == (twice, unknown)
    assert [{
        "name": "ann", "roles": ["agent", "supervisor"], "created_at": 1.0, "disabled_at": 3.0, "signed_in_at": None,
        "issuer": None, "is_set_up": False, "tenant": None,
    }] == listed


def test_reset_takes_everything_and_lets_in_again(tmp_path: Path) -> None:
    """Password, secret, codes and sessions go; a new link begins with a new secret; a disablement is lifted."""
    async def use(people: Users) -> Any:
        await added(people)
        first = await people.begin_set_up("setup-ann", new_secret="OLD", now=2.0)
        await people.set_up("setup-ann", secret="OLD", password_hash="h", totp_step=7, codes=["c"], now=2.0)
        await people.open_session("ann", "token", "totp", 3.0)
        await people.disable("ann", by="root", now=4.0)
        assert await people.reset("ann", setup="again", expires=100.0, by="root", now=5.0)
        second = await people.begin_set_up("again", new_secret="NEW", now=6.0)
        return first, second, await people.session("token"), await people.spend_recovery_code("ann", "c", 6.0)

    first, second, session, spent = using(tmp_path, use)
    assert ("OLD", "NEW", None) == (first.totp_secret, second.totp_secret, second.password_hash)
    assert (False, 7) == (second.disabled, second.last_totp_step)
    assert (None, False) == (session, spent)


def test_the_secret_shown_last_is_the_one_that_counts(tmp_path: Path) -> None:
    """Whoever proved an earlier one, also while somebody looked at the link, sets nothing up."""
    async def use(people: Users) -> Any:
        await added(people)
        looked = [await people.begin_set_up("setup-ann", new_secret=secret, now=2.0) for secret in ("ONE", "TWO")]
        finished = [
            await people.set_up("setup-ann", secret=secret, password_hash="h", totp_step=7, codes=["c"], now=2.0)
            for secret in ("ONE", None, "TWO", "TWO")
        ]
        return [person.totp_secret for person in looked if person], finished, (await people.find("ann"))

    looked, finished, ann = using(tmp_path, use)
    assert (["ONE", "TWO"], [False, False, True, False]) == (looked, finished)
    assert ("TWO", "h") == (ann.totp_secret, ann.password_hash)


def test_an_overdue_link(tmp_path: Path) -> None:
    """Neither begins nor ends a set-up."""
    async def use(people: Users) -> Any:
        await added(people)
        return [await people.begin_set_up("setup-ann", new_secret="S", now=100.0),
                await people.set_up("setup-ann", secret=None, password_hash="h", totp_step=1, codes=["c"], now=100.0)]

    assert [None, False] == using(tmp_path, use)


def test_sessions_that_are_over_are_forgotten(tmp_path: Path) -> None:
    """Idle ones and old ones; the others stay, and know when their person last did something."""
    async def use(people: Users) -> Any:
        await added(people)
        for digest, at in (("old", 0.0), ("idle", 50.0), ("busy", 50.0)):
            await people.open_session("ann", digest, "totp", at)
        for digest in ("old", "busy"):
            await people.touch(digest, 90.0)
        await people.forget_sessions(created_before=10.0, seen_before=60.0)
        return [await people.session(digest) for digest in ("old", "idle", "busy")]

    old, idle, busy = using(tmp_path, use)
    assert (None, None, 90.0) == (old, idle, busy.seen_at)


def test_whom_a_provider_vouches_for(tmp_path: Path) -> None:
    """Made once, with the roles that it gives now; never somebody else of that name, nor one who is disabled here."""
    async def use(people: Users) -> Any:
        await added(people)

        async def vouched(name: str, subject: str, *roles: str) -> str | None:
            return await people.vouched(name, roles, issuer=ISSUER, subject=subject, now=2.0)

        names = [await vouched("ben", "1", "agent"), await vouched("renamed", "1", "analyst"),
                 await vouched("ann", "2", "admin"), await vouched("ben", "3", "admin")]
        ben = await people.find("ben")
        await people.disable("ben", by="root", now=3.0)
        return names, ben, await vouched("ben", "1", "agent")

    names, ben, after = using(tmp_path, use)
    assert ["ben", "ben", None, None] == names
    assert (frozenset({"analyst"}), ISSUER, None) == (ben.roles, ben.issuer, ben.password_hash)
    assert after is None


def test_what_is_done_is_recorded_in_a_chain_that_verifies(tmp_path: Path) -> None:
    """It is no call, so the calls do not list it."""
    async def run(store: Store) -> Any:
        people = store.users
        await added(people)
        await people.set_up("setup-ann", secret=None, password_hash="h", totp_step=1, codes=["c"], now=2.0)
        await people.open_session("ann", "token", "totp", 3.0)
        await people.close_session("token", 4.0)
        await people.close_session("token", 5.0)
        await people.note("provider_refused", 6.0, why="no role")
        kinds = [record["kind"] for record in await store.calls.events(CHAIN)]
        return kinds, await store.calls.list(), (await store.audit.verify(lambda body, signature: True, now=0.0)).faults

    kinds, calls, faults = on(tmp_path / "v.db", run, CIPHER)
    assert ["started", "person_added", "person_set_up", "signed_in", "signed_out", "provider_refused"] == kinds
    assert ([], []) == (calls, faults)


def test_a_secret_of_another_key_is_a_fault(tmp_path: Path) -> None:
    """Nobody signs in by a secret that cannot be read."""
    async def begin(people: Users) -> None:
        await added(people)
        await people.begin_set_up("setup-ann", new_secret="S", now=2.0)

    using(tmp_path, begin)
    with pytest.raises(StoreError, match="another key"):
        using(tmp_path, lambda people: people.find("ann"), Fernet(Fernet.generate_key()))
