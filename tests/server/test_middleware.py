"""Headers of every answer."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.server.asking import on
from tests.server.serving import Served


def test_answers_of_the_api_are_not_kept_by_caches(tmp_path: Path) -> None:
    """Every answer under /v1, errors too, says no-store; public keys may be cached."""

    async def use(served: Served, api: httpx.AsyncClient) -> list[str]:
        paths = ("/v1/calls", "/v1/calls/none", "/v1/none", "/.well-known/jwks.json")
        return [(await api.get(path)).headers["Cache-Control"] for path in paths]

    assert ["no-store", "no-store", "no-store", "public, max-age=300"] == on(tmp_path, use)
