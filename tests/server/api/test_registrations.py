"""Announcing a call through the API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.server.serving import serving
from voiceguard.adapters.store.registrations import Registered

NOW = 1_700_000_000.0
PATH = "/v1/audiosocket/calls"


def test_a_call_is_announced(tmp_path: Path) -> None:
    """The answer names the UUID, the call and the end of its time; what was said waits in the store."""

    async def run() -> None:
        async with serving(tmp_path, now=lambda: NOW) as served, served.api() as api:
            answer = await api.post(PATH, json={
                "call_id": "1700000000.7", "customer_ref": "customer-1", "consent": ["voice_analysis"],
                "metadata": {"queue": "billing"},
            })
            body = answer.json()
            assert (201, "no-store") == (answer.status_code, answer.headers["cache-control"])
            assert ("1700000000.7", NOW + 60.0) == (body["call_id"], body["expires_at"])
            claimed = await served.service.store.registrations.claim(UUID(body["uuid"]), NOW)
            assert claimed is not None and len(claimed.key) == 64
            assert Registered(
                "1700000000.7", "customer-1", frozenset({"voice_analysis"}), {"queue": "billing"}, key=claimed.key
            ) == claimed

    asyncio.run(run())


def test_the_uuid_serves_as_call_id(tmp_path: Path) -> None:
    """Where the platform has no name of its own for the call; each call has another."""

    async def run() -> None:
        async with serving(tmp_path) as served, served.api() as api:
            one, two = [(await api.post(PATH, json={})).json() for _ in range(2)]
            assert (one["uuid"], two["uuid"]) == (one["call_id"], two["call_id"])
            assert one["uuid"] != two["uuid"]

    asyncio.run(run())


@pytest.mark.parametrize("body", [
    {"call_id": "../etc"}, {"call_id": "a\n"}, {"customer_ref": ""}, {"customer_ref": 7}, {"consent": "voice_analysis"},
    {"consent": ["no thanks!"]}, {"consent": ["a"] * 33}, {"metadata": {"a b": "c"}}, {"metadata": {"a": 7}},
    {"metadata": {"a": "x" * 1001}}, {"metadata": {f"a{number}": "" for number in range(33)}}, {"applause": True}, [],
])
def test_nonsense_is_refused(tmp_path: Path, body: Any) -> None:
    """With 422, and without repeating it."""

    async def run() -> None:
        async with serving(tmp_path) as served, served.api() as api:
            answer = await api.post(PATH, json=body)
            assert 422 == answer.status_code
            assert "etc" not in answer.text

    asyncio.run(run())


def test_only_streaming_keys_announce(tmp_path: Path) -> None:
    """A key of another scope, or none, opens nothing."""

    async def run() -> None:
        async with serving(tmp_path) as served:
            other = await served.service.store.api_keys.create("asks", ["actions"], by="tests", now=1.0)
            async with served.api(other) as api:
                assert 403 == (await api.post(PATH, json={})).status_code
            async with served.api("vg_nobody") as api:
                assert 401 == (await api.post(PATH, json={})).status_code

    asyncio.run(run())
