"""Sessions beside their requests: origins, cookies, and the live feed that ends with one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.requests import HTTPConnection
from websockets.exceptions import ConnectionClosed

from tests.server.desk import session_token
from tests.server.serving import Served, said, serving
from voiceguard.live.jobs import delete_expired_sessions
from voiceguard.server.access.password_policy import token_digest
from voiceguard.server.access.sessions import cookie_name, is_own_origin, origin_of


def connection(scheme: str = "http", **headers: str) -> HTTPConnection:
    raw = [(name.encode(), value.encode()) for name, value in {"host": "desk:8765", **headers}.items()]
    return HTTPConnection({"type": "http", "scheme": scheme, "path": "/", "headers": raw, "server": ("desk", 8765)})


@pytest.mark.parametrize(
    ("scheme", "configured", "origin"),
    [("http", None, "http://desk:8765"), ("ws", None, "http://desk:8765"), ("wss", None, "https://desk:8765"),
     ("http", "https://vg.example.com", "https://vg.example.com")],
)
def test_origin(scheme: str, configured: str | None, origin: str) -> None:
    """As a browser names it, whatever the scheme of the connection; the settings win."""
    assert origin == origin_of(connection(scheme), configured)


@pytest.mark.parametrize(
    ("given", "own"),
    [("http://desk:8765", True), ("https://desk:8765", True), ("http://desk", False), ("http://desk:8765.evil", False),
     ("null", False), ("", False), (None, False)],
)
def test_own_origin(given: str | None, own: bool) -> None:
    """The host counts, to the port; a page without an origin is no page of ours."""
    assert own == is_own_origin(connection(**({} if given is None else {"origin": given})), None)


def test_cookie_names() -> None:
    """Over TLS the name itself forbids other hosts to set it."""
    assert ("__Host-voiceguard", "voiceguard") == (cookie_name("https://a"), cookie_name("http://a"))


@pytest.mark.parametrize("change", ["signed out", "disabled", "other roles"])
def test_the_feed_ends_with_the_session(change: str, tmp_path: Path) -> None:
    """Who has signed out, was disabled or has other roles now is told nothing more on a socket that was open."""
    async def follow(served: Served) -> tuple[int | None, str | None]:
        token, people = await session_token(served), served.service.store.users
        headers = {"Cookie": f"voiceguard={token}", "Origin": served.origin, "Authorization": ""}
        async with served.stream("/v1/live", headers=headers) as socket:
            await said(socket, "snapshot")
            match change:
                case "signed out":
                    await people.close_session(token_digest(token), served.service.now())
                case "disabled":
                    await people.disable("ann", by="test", now=served.service.now())
                case _:
                    await people.change_roles("ann", ["supervisor"], by="test", now=served.service.now())
            async with asyncio.timeout(10):
                with pytest.raises(ConnectionClosed):
                    await socket.recv()
        return socket.close_code, socket.close_reason

    async def run() -> tuple[int | None, str | None]:
        async with serving(tmp_path) as served:
            return await follow(served)

    assert (1008, "the session is over") == asyncio.run(run())




def test_ended_sessions_are_forgotten(tmp_path: Path) -> None:
    """They leave the database, and one that holds stays."""
    times = [1_800_000_000.0]

    async def run() -> list[bool]:
        async with serving(tmp_path, now=lambda: times[-1]) as served:
            people, old = served.service.store.users, await session_token(served, "ann")
            times.append(times[-1] + 1801.0)
            new = await session_token(served, "ben")
            await delete_expired_sessions(served.service.registry)
            return [await people.session(token_digest(token)) is not None for token in (old, new)]

    assert [False, True] == asyncio.run(run())
