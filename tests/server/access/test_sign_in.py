"""Signing in over HTTP, on a running service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pyotp
import pytest

from tests.server.desk import RECOVERY, Someone, browser, session_token, someone
from tests.server.serving import Served, serving
from voiceguard.server.access import password_policy

START = 1_800_000_000.0


class Clock:
    """The wall clock, as the test sets it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def on(folder: Path, use: Callable[[Served, Clock], Awaitable[Any]], **settings: Any) -> Any:
    """What `use` gives on a running service whose clock it holds."""
    async def run() -> Any:
        clock = Clock()
        async with serving(folder, now=clock, **settings) as served:
            return await use(served, clock)

    return asyncio.run(run())


async def sign_in(served: Served, who: Someone, clock: Clock, **changes: str) -> Any:
    body = {"name": who.name, "password": who.password, "code": who.code(clock.now)} | changes
    async with browser(served) as page:
        return await page.post("/v1/session", json=body)


def test_name_password_and_code(tmp_path: Path) -> None:
    """The three together open a session; its cookie is for this service alone, and no script can read it."""
    async def use(served: Served, clock: Clock) -> Any:
        ann = await someone(served, roles=("agent", "supervisor"))
        answer = await sign_in(served, ann, clock)
        async with browser(served) as page:
            page.cookies = answer.cookies
            who = (await page.get("/v1/session")).json()
        return answer, who, await served.service.store.calls.events("~people")

    answer, who, records = on(tmp_path, use)
    assert (200, {"person": "ann"}) == (answer.status_code, answer.json())
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("voiceguard=", "HttpOnly", "Path=/", "SameSite=strict", "Max-Age=43200"))
    assert "Secure" not in cookie  # plain HTTP on this machine
    assert ("ann", ["agent", "supervisor"], "totp", START + 43200) == (
        who["person"], who["roles"], who["method"], who["ends_at"]
    )
    assert ["signed_in"] == [record["kind"] for record in records[-1:]]


def test_behind_tls_the_cookie_is_the_hosts_own(tmp_path: Path) -> None:
    """With `__Host-` no sister host can set it, and it never goes over plain HTTP."""
    async def use(served: Served, clock: Clock) -> str:
        ann = await someone(served)
        async with browser(served, origin="https://desk.example.com") as page:
            body = {"name": "ann", "password": ann.password, "code": ann.code(clock.now)}
            return str((await page.post("/v1/session", json=body)).headers["set-cookie"])

    cookie = on(tmp_path, use, public_origin="https://desk.example.com")
    assert cookie.startswith("__Host-voiceguard=")
    assert "Secure" in cookie


@pytest.mark.parametrize(
    "changes", [{"password": "seven quiet heron"}, {"code": "000000"}, {"name": "eve"}, {"code": "zzzz-zzzz-zzzz-zzzz"}]
)
def test_what_is_wrong_is_not_said(changes: dict[str, str], tmp_path: Path) -> None:
    """An unknown name, a wrong password and a wrong code get the same answer, and no cookie."""
    async def use(served: Served, clock: Clock) -> Any:
        return await sign_in(served, await someone(served), clock, **changes)

    answer = on(tmp_path, use)
    assert (401, "sign_in_failed") == (answer.status_code, answer.json()["code"])
    assert "set-cookie" not in answer.headers


def test_a_code_is_good_once(tmp_path: Path) -> None:
    """Neither the authenticator's nor a recovery code opens a second session."""
    async def use(served: Served, clock: Clock) -> list[int]:
        ann = await someone(served)
        first, second = await sign_in(served, ann, clock), await sign_in(served, ann, clock)
        clock.now += 30
        third = await sign_in(served, ann, clock)
        fourth, fifth = [await sign_in(served, ann, clock, code=RECOVERY.upper()) for _ in range(2)]
        return [answer.status_code for answer in (first, second, third, fourth, fifth)]

    assert [200, 401, 200, 200, 401] == on(tmp_path, use)


def test_too_many_guesses(tmp_path: Path) -> None:
    """After five wrong ones not even the right password is looked at for a while; asked all at once they are no more.

    Somebody else on the same network can sign in meanwhile, and a right guess ends the count."""
    async def use(served: Served, clock: Clock) -> Any:
        ann, ben = await someone(served), await someone(served, "ben")
        wrong = await asyncio.gather(*(sign_in(served, ann, clock, password="seven quiet heron") for _ in range(9)))
        blocked, other = await sign_in(served, ann, clock), await sign_in(served, ben, clock)
        clock.now += password_policy.FIRST_WAIT_S + 1
        after = await sign_in(served, ann, clock)
        again = [await sign_in(served, ann, clock, password="seven quiet heron") for _ in range(4)]
        return [sorted(a.status_code for a in wrong), blocked, other, after, [a.status_code for a in again],
                await served.service.store.calls.events("~people")]

    wrong, blocked, other, after, again, records = on(tmp_path, use)
    assert [401] * 5 + [429] * 4 == wrong
    assert (429, "61") == (blocked.status_code, blocked.headers["retry-after"])
    assert (200, 200, [401] * 4) == (other.status_code, after.status_code, again)
    assert {"name:ann at 127.0.0.1"} == {record["key"] for record in records if record["kind"] == "guesses_blocked"}


def test_an_address_that_tries_many_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guesses of one address count together, whoever they are for, and people who know theirs do not use them up."""
    monkeypatch.setattr(password_policy, "FREE_TRIES_OF_ADDRESS", 3)

    async def use(served: Served, clock: Clock) -> list[int]:
        ann = await someone(served)
        answers = [await sign_in(served, ann, clock)]
        answers += [await sign_in(served, ann, clock, name=f"name-{number}") for number in range(4)]
        return [answer.status_code for answer in answers]

    assert [200, 401, 401, 401, 429] == on(tmp_path, use)


def test_a_session_ends_by_itself_and_by_will(tmp_path: Path) -> None:
    """Idle for half an hour, twelve hours old, or signed out: the cookie opens nothing any more."""
    async def use(served: Served, clock: Clock) -> list[int]:
        found = []

        async def look(token: str) -> None:
            async with browser(served, token) as page:
                found.append((await page.get("/v1/calls")).status_code)

        async def act(token: str) -> None:
            async with browser(served, token) as page:
                assert 204 == (await page.post("/v1/session/seen")).status_code

        roles = ("analyst",)
        idle, busy, left = [await session_token(served, name, roles) for name in ("ann", "ben", "cem")]
        for token in (idle, busy, left):
            await look(token)
        async with browser(served, left) as page:
            assert 204 == (await page.delete("/v1/session")).status_code
        clock.now += 1700
        await act(busy)
        clock.now += 200
        for token in (idle, busy, left):
            await look(token)
        await act(busy)
        for _ in range(24):
            clock.now += 1700
            await act(busy)
        clock.now += 1700
        await look(busy)
        return found

    assert [200, 200, 200, 401, 200, 401, 401] == on(tmp_path, use)


def test_set_up_from_the_link(tmp_path: Path) -> None:
    """Each look at the link shows another secret as a QR code, and the last one counts; a good password and a right
    code make the account and sign in; the recovery codes are told, and the link is used up."""
    async def use(served: Served, clock: Clock) -> Any:
        people, token = served.service.store.users, "t" * 43
        kept, now = password_policy.token_digest(token), clock.now
        await people.add("ann", ["agent"], setup=kept, expires=now + 60, by="t", now=now)
        async with browser(served) as page:
            before = await page.post("/v1/setup/finish", json={
                "token": token, "password": "seven quiet herons", "code": "123456",
            })
            stranger = (await page.post("/v1/setup", json={"token": token})).json()
            begun = (await page.post("/v1/setup", json={"token": token})).json()

            async def finish(password: str, code: str) -> Any:
                body = {"token": token, "password": password, "code": code}
                return await page.post("/v1/setup/finish", json=body)

            stale = await finish("seven quiet herons", pyotp.TOTP(stranger["secret"]).at(int(clock.now)))
            code = pyotp.TOTP(begun["secret"]).at(int(clock.now))
            easy, wrong = await finish("password12345", code), await finish("seven quiet herons", "000000")
            done = await finish("seven quiet herons", code)
            used = await finish("seven quiet herons", code)
            gone = await page.post("/v1/setup", json={"token": token})
            recovered = await page.post("/v1/session", json={
                "name": "Ann", "password": "seven quiet herons", "code": done.json()["recovery_codes"][0],
            })
        return begun, stranger, [before, stale, easy, wrong, done, used, gone, recovered]

    begun, stranger, answers = on(tmp_path, use)
    assert begun["secret"] != stranger["secret"]
    assert begun["uri"] == f"otpauth://totp/voiceguard:ann?secret={begun['secret']}&issuer=voiceguard"
    assert {len(begun["qr"])} == {len(row) for row in begun["qr"]}
    assert [422, 422, 422, 422, 200, 404, 404, 200] == [answer.status_code for answer in answers]
    assert ["wrong_code", "wrong_code", "bad_password", "wrong_code"] == [
        answer.json()["code"] for answer in answers[:4]
    ]
    assert "voiceguard=" in answers[4].headers["set-cookie"]


def test_a_link_that_is_old_or_wrong(tmp_path: Path) -> None:
    """Opens nothing, and says the same of both."""
    async def use(served: Served, clock: Clock) -> list[Any]:
        people = served.service.store.users
        setup = password_policy.token_digest("old")
        await people.add("ann", ["agent"], setup=setup, expires=clock.now, by="t", now=clock.now)
        async with browser(served) as page:
            return [(await page.post("/v1/setup", json={"token": token})).json() for token in ("old", "never")]

    old, never = on(tmp_path, use)
    assert "set_up_ended" == old["code"]
    assert old == never


def test_no_other_site_signs_anybody_in(tmp_path: Path) -> None:
    """A page of another origin can neither sign in nor set up, even with the right words."""
    async def use(served: Served, clock: Clock) -> list[int]:
        ann = await someone(served)
        async with browser(served, origin="https://evil.example") as page:
            body = {"name": "ann", "password": ann.password, "code": ann.code(clock.now)}
            answers = [await page.post("/v1/session", json=body), await page.post("/v1/setup", json={"token": "x"})]
            return [answer.status_code for answer in answers]

    assert [403, 403] == on(tmp_path, use)


def test_disabled_reset_and_roles_hold_at_once(tmp_path: Path) -> None:
    """In sessions that are open already: the next request sees it."""
    async def use(served: Served, clock: Clock) -> list[int]:
        people = served.service.store.users
        token = await session_token(served, "ann", ("analyst",))
        ann = await someone(served, "ben", ("analyst",))
        found = []

        async def look() -> None:
            async with browser(served, token) as page:
                found.append((await page.get("/v1/calls")).status_code)

        await look()
        await people.change_roles("ann", ["agent"], by="t", now=clock.now)
        await look()
        await people.disable("ann", by="t", now=clock.now)
        await look()
        await people.disable("ben", by="t", now=clock.now)
        return [*found, (await sign_in(served, ann, clock)).status_code]

    assert [200, 403, 401, 401] == on(tmp_path, use)


def test_an_old_hash_is_made_anew(tmp_path: Path) -> None:
    """At the first sign-in after the parameters have changed."""
    async def use(served: Served, clock: Clock) -> tuple[Any, Any]:
        ann, people = await someone(served), served.service.store.users
        before = await people.find("ann")
        await sign_in(served, ann, clock)
        return before, await people.find("ann")

    before, after = on(tmp_path, use)
    assert "m=8," in before.password_hash
    assert "m=65536," in after.password_hash


def test_nothing_secret_is_kept_readable(tmp_path: Path) -> None:
    """Neither password, authenticator's secret, recovery code nor session token lies in the database."""
    async def use(served: Served, clock: Clock) -> list[str]:
        ann = await someone(served)
        answer = await sign_in(served, ann, clock)
        return [ann.password, ann.secret, RECOVERY, RECOVERY.replace("-", ""), answer.cookies["voiceguard"]]

    secrets = on(tmp_path, use)
    lies = b"".join(path.read_bytes() for path in tmp_path.glob("voiceguard.db*"))
    assert [] == [secret for secret in secrets if secret.encode() in lies]
