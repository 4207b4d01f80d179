"""Headers of every answer."""

from __future__ import annotations

from pathlib import Path

import httpx
from websockets.exceptions import InvalidStatus

from tests.server.asking import on
from tests.server.serving import Served


def test_answers_of_the_api_are_not_kept_by_caches(tmp_path: Path) -> None:
    """Every answer under /v1, errors too, says no-store; public keys may be cached."""

    async def use(served: Served, api: httpx.AsyncClient) -> list[str]:
        paths = ("/v1/calls", "/v1/calls/none", "/v1/none", "/.well-known/jwks.json")
        return [(await api.get(path)).headers["Cache-Control"] for path in paths]

    assert ["no-store", "no-store", "no-store", "public, max-age=300"] == on(tmp_path, use)


def test_hosts_that_are_not_allowed_are_refused(tmp_path: Path) -> None:
    """Requests and websockets that name another host get nothing; a pattern allows all below it."""

    async def use(served: Served, api: httpx.AsyncClient) -> tuple[list[int], int]:
        good = ("voice.example.com", "a.desk.example.com:8443", "VOICE.example.com")
        hosts = (*good, "desk.example.com", "evil.example", "")
        codes = [(await api.get("/healthz", headers={"Host": host})).status_code for host in hosts]
        try:
            async with served.stream("/v1/stream/native"):
                return codes, 101
        except InvalidStatus as refusal:
            return codes, refusal.response.status_code

    allowed = ("voice.example.com", "*.desk.example.com")
    assert ([200, 200, 200, 421, 421, 421], 403) == on(tmp_path, use, allowed_hosts=allowed)


def test_hsts_is_sent_where_tls_is_spoken(tmp_path: Path) -> None:
    """Behind a proxy that ends TLS, and not in clear text on this machine."""

    async def use(served: Served, api: httpx.AsyncClient) -> list[bool]:
        proxied = {"X-Forwarded-Proto": "https"}
        answers = [await api.get("/healthz"), await api.get("/healthz", headers=proxied)]
        return ["Strict-Transport-Security" in answer.headers for answer in answers]

    assert [False, True] == on(tmp_path / "a", use)
    assert [True, True] == on(tmp_path / "b", use, public_origin="wss://voice.example.com")
