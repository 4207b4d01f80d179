"""Outcomes and complaints over a real port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.server.asking import ask, on
from tests.server.serving import Served
from voiceguard.adapters.store.api_keys import KeyTerms


def test_outcomes_of_a_call_that_was_challenged_and_complained_of(tmp_path: Path) -> None:
    """From the stream to the figures, by line, with a comparison."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call(seconds=10, metadata={"line": "cards"}):
            await ask(api)
        kept = await api.post("/v1/complaints", json={"customer_ref": "customer-1", "kind": "too_many_questions"})
        found = (await api.get("/v1/outcomes", params={"by": "line", "changed_at": served.service.now() - 60})).json()
        return kept.status_code, found

    status, found = on(tmp_path, use)

    (group,) = found["groups"]
    assert status == 201
    assert (group["group"], group["counts"]["calls"], group["counts"]["challenged"]) == ("cards", 1, 1)
    assert (group["counts"]["abandoned"], group["counts"]["complained"]) == (1, 1)
    assert group["rates"]["challenged"]["per_1000"] == 1000.0
    assert group["cost"] == 0.10 + 5.0 + 25.0
    assert found["changes"][0]["text"].endswith("no calls before the change, so nothing to compare")


def test_outcomes_of_another_tenant_are_not_counted(tmp_path: Path) -> None:
    """Nor can its calls be complained of."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        async with served.call(seconds=1):
            pass
        key = await served.service.store.api_keys.create(
            "brand", ["outcomes", "complaints"], by="tests", now=1.0, terms=KeyTerms(tenant="brand")
        )
        async with served.api(key) as other:
            refused = await other.post("/v1/complaints", json={"about": "call-1", "kind": "rude"})
            return refused.json()["code"], (await other.get("/v1/outcomes")).json()["groups"]

    assert on(tmp_path, use) == ("unknown_call", [])


def test_complaint_of_nobody_is_a_problem(tmp_path: Path) -> None:
    """A customer or a call is needed, and a kind that is a word."""
    async def use(_: Served, api: httpx.AsyncClient) -> Any:
        bodies = [{"kind": "rude"}, {"kind": "my name is Jo", "about": "call-1"}]
        return [(await api.post("/v1/complaints", json=body)).status_code for body in bodies]

    assert on(tmp_path, use) == [422, 422]
