"""The HTTP endpoints of signing in: password and authenticator, the set-up of both, and the session they give."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import pyotp
import segno
from fastapi import APIRouter, Request, Response
from pydantic import Field

from voiceguard.adapters.store.users import Person
from voiceguard.policy.otp import totp_step
from voiceguard.server import answers
from voiceguard.server.access import password_policy
from voiceguard.server.access.authenticate import CheckedRoute
from voiceguard.server.access.guesses import counts_of, remember_device
from voiceguard.server.access.principal import Principal
from voiceguard.server.access.sessions import SignedIn, close_session, is_own_origin, open_session, signed_in, touch
from voiceguard.server.context import WebContext
from voiceguard.server.problems import Problem
from voiceguard.server.schemas import Body, ServiceOf

router = APIRouter(route_class=CheckedRoute)
Name = Annotated[str, Field(min_length=1, max_length=64)]
Secret = Annotated[str, Field(min_length=1, max_length=1024, repr=False)]


class Credentials(Body):
    """What somebody signs in with."""

    name: Name
    password: Secret
    code: Annotated[str, Field(min_length=6, max_length=40, repr=False)]
    """Of the authenticator, or a recovery code."""


class SetUp(Body):
    """The token of a set-up link."""

    token: Secret


class FinishedSetUp(SetUp):
    """A new password, and a code of the authenticator that was set up."""

    password: Secret
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$", repr=False)]


@router.get("/v1/session", response_model=answers.Session)
async def whoami(service: ServiceOf, request: Request, response: Response) -> dict[str, Any]:
    """Who is signed in, which roles they have and what a page has to send beside the cookie; `person` is null for
    nobody."""
    session = await signed_in(service, request)
    return {"oidc": service.oidc is not None, **({"person": None} if session is None else _described(session))}


@router.post("/v1/session", response_model=answers.SignedIn)
async def sign_in(body: Credentials, service: ServiceOf, request: Request, response: Response) -> dict[str, Any]:
    """Sign in. What was wrong is not said, and takes as long whatever it was."""
    _check_origin(service, request)
    people, name = service.store.users, body.name.strip().lower()
    person = await people.find(name)
    counts = counts_of(service, request, name, is_known=person is not None)
    await _try_once(service, {**counts.own, **counts.shared})
    usable = person if person is not None and not person.disabled and person.issuer is None else None
    right = await service.passwords.matches(body.password, None if usable is None else usable.password_hash)
    method = await _second_factor(service, usable, body.code) if right and usable is not None else None
    if method is None or usable is None:
        await people.was_wrong((*counts.own, *counts.shared), service.now(), service.strangers.due)
        raise Problem(401, "sign_in_failed", "Name, password or code is not right.")
    await people.was_right(counts.own, counts.shared)
    if usable.password_hash is not None and service.passwords.is_stale(usable.password_hash):
        await people.change_password_hash(name, await service.passwords.hash(body.password))
    await open_session(service, request, response, name, method)
    remember_device(service, request, response, name)
    return {"person": name}


@router.delete("/v1/session", status_code=204)
async def sign_out(service: ServiceOf, request: Request, response: Response) -> None:
    """End the session that asks."""
    await close_session(service, _own(request), request, response)


@router.post("/v1/session/seen", status_code=204)
async def seen(service: ServiceOf, request: Request) -> None:
    """Somebody sits before the page: the session is not idle."""
    await touch(service, _own(request))


@router.post("/v1/setup", response_model=answers.SetUpBegun)
async def begin_set_up(body: SetUp, service: ServiceOf, request: Request, response: Response) -> dict[str, Any]:
    """Whose set-up link it is, and a new secret of the authenticator as text, as URI and as QR code (rows of 0 and 1).

    The last one that was shown counts, so that whoever looked at the link before its owner holds nothing.
    """
    _check_origin(service, request)
    person = await service.store.users.begin_set_up(
        password_policy.token_digest(body.token), new_secret=pyotp.random_base32(), now=service.now()
    )
    if person is None:
        raise _ended()
    assert person.totp_secret is not None
    uri = pyotp.TOTP(person.totp_secret, name=person.name, issuer="voiceguard").provisioning_uri()
    code = segno.make_qr(uri, error="m")
    rows = ["".join("1" if module else "0" for module in row) for row in code.matrix_iter(border=4)]
    return {"name": person.name, "secret": person.totp_secret, "uri": uri, "qr": rows}


@router.post("/v1/setup/finish", response_model=answers.SetUpFinished)
async def finish_set_up(
    body: FinishedSetUp, service: ServiceOf, request: Request, response: Response
) -> dict[str, Any]:
    """Take the password, once a code shows that the authenticator works; signs in, and tells the recovery codes, once.
    """
    _check_origin(service, request)
    people, now, digest = service.store.users, service.now(), password_policy.token_digest(body.token)
    person = await _holder(service, body.token)
    # zxcvbn takes a while over long passwords.
    bad = await asyncio.to_thread(password_policy.why_bad, body.password, person.name)
    if bad is not None:
        raise Problem(422, "bad_password", bad)
    await _try_once(service, {f"setup:{digest}": password_policy.wait_after})
    secret = person.totp_secret
    step = None if secret is None else totp_step(secret, body.code, now, person.last_totp_step)
    if step is None:
        await people.was_wrong((f"setup:{digest}",), now, service.strangers.due)
        raise _wrong_code()
    codes = password_policy.new_recovery_codes(os.urandom)
    kept = [password_policy.recovery_digest(code) for code in codes]
    hashed = await service.passwords.hash(body.password)
    if not await people.set_up(
        digest, secret=secret, password_hash=hashed, totp_step=step, codes=kept, now=now
    ):
        await _holder(service, body.token)
        raise _wrong_code()  # the link was looked at meanwhile
    await open_session(service, request, response, person.name, "totp")
    remember_device(service, request, response, person.name)
    return {"person": person.name, "recovery_codes": codes}


async def _second_factor(service: WebContext, person: Person, code: str) -> str | None:
    """How the person proved to hold the second factor; None for a wrong or used code."""
    people = service.store.users
    if len(code) == 6 and code.isdecimal() and person.totp_secret is not None:
        step = totp_step(person.totp_secret, code, service.now(), person.last_totp_step)
        return "totp" if step is not None and await people.spend_totp_step(person.name, step) else None
    spent = await people.spend_recovery_code(person.name, password_policy.recovery_digest(code), service.now())
    return "recovery_code" if spent else None


async def _try_once(service: WebContext, waits: Mapping[str, Callable[[int], float]]) -> None:
    wait = await service.store.users.try_once(waits, service.now())
    if wait > 0:
        raise Problem(
            429, "too_many_tries", f"Too many wrong guesses: try again in {round(wait) + 1} s.",
            {"Retry-After": str(round(wait) + 1)},
        )


async def _holder(service: WebContext, token: str) -> Person:
    person = await service.store.users.setting_up(password_policy.token_digest(token), service.now())
    if person is None:
        raise _ended()
    return person


def _wrong_code() -> Problem:
    return Problem(422, "wrong_code", "This code is not that of the secret that was shown last.")


def _ended() -> Problem:
    return Problem(404, "set_up_ended", "This set-up link has been used or has expired. Ask for a new one.")


def _check_origin(service: WebContext, request: Request) -> None:
    """No other site may sign anybody in, not even to the wrong account."""
    if "origin" in request.headers and not is_own_origin(request, service.settings.web_origin):
        raise Problem(403, "other_origin", "Only this service's own page may ask for this.")


def _own(request: Request) -> SignedIn:
    principal: Principal = request.state.principal
    if principal.session is None:
        raise Problem(403, "no_session", "A key has no session.")
    return principal.session


def _described(session: SignedIn) -> dict[str, Any]:
    return {
        "person": session.person, "roles": sorted(session.roles), "csrf": session.csrf, "ends_at": session.ends_at,
        "method": session.method,
    }
