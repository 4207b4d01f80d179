"""Signing in by a real identity provider: the certified `oidc-provider` of npm, in a process of its own."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from tests.server.serving import Served, serving
from tests.services import free_port
from voiceguard.settings import OidcOptions

PROVIDER = Path(__file__).with_name("provider")
NODE = shutil.which("node")
pytestmark = [
    pytest.mark.skipif(NODE is None, reason="no node on the path, so no provider to sign in by"),
    pytest.mark.skipif(
        not (PROVIDER / "node_modules" / "oidc-provider").is_dir(),
        reason="no provider to sign in by: run `npm ci` in tests/server/access/provider",
    ),
]


@asynccontextmanager
async def provided(folder: Path, **options: Any) -> AsyncIterator[Served]:
    """The service, and a provider that it trusts."""
    port, own_port = free_port(), free_port()
    origin = f"http://127.0.0.1:{own_port}"
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE, "provider.mjs", str(port), origin, cwd=PROVIDER, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        said: list[Any] = []
        while b"listening" not in (line := await process.stdout.readline()):
            assert line, b"".join(said)
            said.append(line)
        drain = asyncio.create_task(process.stdout.read())
        oidc = OidcOptions(**{
            "issuer": f"http://127.0.0.1:{port}", "client_id": "voiceguard",
            "client_secret": SecretStr("a secret of the client"),
            "roles": {"desk-agents": "agent", "desk-supervisors": "supervisor"}, **options,
        })
        async with serving(folder, port=own_port, oidc=oidc) as served:
            yield served
    finally:
        process.terminate()
        await process.wait()
    await drain


def on(folder: Path, use: Callable[[Served], Awaitable[Any]], **options: Any) -> Any:
    """What `use` gives on a service that trusts the provider."""
    async def run() -> Any:
        async with provided(folder, **options) as served:
            return await use(served)

    return asyncio.run(run())


async def at_provider(browser: httpx.AsyncClient, served: Served, login: str) -> httpx.URL:
    """Go to the provider, sign in there, agree; the address to which it sends the browser back."""
    answer = await browser.get(f"{served.origin}/v1/oidc/start")
    while True:
        if answer.is_redirect:
            target = answer.url.join(answer.headers["location"])
            if str(target).startswith(served.origin):
                return target
            answer = await browser.get(target)
        else:
            form = {"prompt": "login", "login": login, "password": "x"} if 'name="login"' in answer.text else {
                "prompt": "consent"
            }
            (action,) = re.findall(r'<form [^>]*action="([^"]+)"', answer.text)
            answer = await browser.post(action, data=form)


def test_whoever_the_provider_knows_signs_in(tmp_path: Path) -> None:
    """With PKCE, state and nonce; the roles are those of the map; a second time it is the same person."""
    async def use(served: Served) -> Any:
        seen = []
        for _ in range(2):
            async with httpx.AsyncClient(verify=False, timeout=60) as browser:
                back = await browser.get(await at_provider(browser, served, "ann"))
                who = (await browser.get(f"{served.origin}/v1/session")).json()
                seen.append((back.status_code, back.headers["location"], who["person"], who["roles"], who["method"]))
        return seen, await served.service.store.users.list()

    seen, people = on(tmp_path, use)
    assert [(303, "/console/", "ann@example.com", ["agent"], "oidc")] * 2 == seen
    assert ["ann@example.com"] == [person["name"] for person in people]


def test_the_provider_is_asked_with_pkce_state_and_nonce(tmp_path: Path) -> None:
    """All three are new each time, and the verifier stays here."""
    async def use(served: Served) -> list[dict[str, list[str]]]:
        async with httpx.AsyncClient(verify=False, timeout=60) as browser:
            starts = [await browser.get(f"{served.origin}/v1/oidc/start") for _ in range(2)]
        return [parse_qs(urlsplit(answer.headers["location"]).query) for answer in starts]

    first, second = on(tmp_path, use)
    assert (["code"], ["S256"]) == (first["response_type"], first["code_challenge_method"])
    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize("spoil", ["no role", "state", "code", "no cookie", "twice", "issuer"])
def test_refused(spoil: str, tmp_path: Path) -> None:
    """Somebody without a role here, and every answer that is not whole, ends on the page without a session."""
    async def use(served: Served) -> Any:
        async with httpx.AsyncClient(verify=False, timeout=60) as browser:
            back = await at_provider(browser, served, "eve" if spoil == "no role" else "ann")
            if spoil in ("state", "code"):
                back = back.copy_set_param(spoil, "x" + back.params[spoil])
            if spoil == "issuer":
                back = back.copy_set_param("iss", "https://evil.example")
            if spoil == "twice":
                await browser.get(back)
            if spoil in ("no cookie", "twice"):
                browser.cookies.clear()
            answer = await browser.get(back)
            who = (await browser.get(f"{served.origin}/v1/session")).json()["person"]
        return answer.headers["location"], who, (await served.service.store.calls.events("~people"))[-1]["kind"]

    assert ("/console/#sign-in-refused", None, "provider_refused") == on(tmp_path, use)


def test_callback_by_strangers_writes_one_record_a_minute(tmp_path: Path) -> None:
    """The rest is counted in a metric."""
    async def use(served: Served) -> Any:
        async with httpx.AsyncClient(verify=False, timeout=60) as browser:
            for _ in range(20):
                await browser.get(f"{served.origin}/v1/oidc/callback")
        kinds = [record["kind"] for record in await served.service.store.calls.events("~people")]
        metrics = served.service.metrics.registry
        return kinds, metrics.get_sample_value("voiceguard_provider_sign_ins_refused_total")

    kinds, counted = on(tmp_path, use)
    assert (1, 20.0) == (kinds.count("provider_refused"), counted)


def test_a_name_that_somebody_has_here(tmp_path: Path) -> None:
    """A provider cannot make anybody into a person who signs in by password."""
    async def use(served: Served) -> str:
        people, now = served.service.store.users, served.service.now()
        await people.add("ann@example.com", ["admin"], setup="x", expires=now + 60, by="test", now=now)
        async with httpx.AsyncClient(verify=False, timeout=60) as browser:
            return str((await browser.get(await at_provider(browser, served, "ann"))).headers["location"])

    assert "/console/#sign-in-refused" == on(tmp_path, use)


def test_assurance_that_is_demanded_and_not_given(tmp_path: Path) -> None:
    """Where the settings want a second factor, an ID token that does not say so is not enough."""
    async def use(served: Served) -> str:
        async with httpx.AsyncClient(verify=False, timeout=60) as browser:
            return str((await browser.get(await at_provider(browser, served, "ann"))).headers["location"])

    assert "/console/#sign-in-refused" == on(tmp_path, use, acr="urn:example:mfa")


def test_no_provider_to_be_reached(tmp_path: Path) -> None:
    """The page says so, and the password way stays open."""
    async def run() -> str:
        oidc = OidcOptions(issuer=f"http://127.0.0.1:{free_port()}", client_id="voiceguard")
        async with serving(tmp_path, oidc=oidc) as served, served.api() as api:
            return str((await api.get("/v1/oidc/start")).headers["location"])

    assert "/console/#sign-in-unavailable" == asyncio.run(run())
