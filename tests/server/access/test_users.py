"""Who and which keys there are, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.server.asking import on
from tests.server.desk import someone
from tests.server.serving import Served


def test_people_and_keys_without_their_secrets(tmp_path: Path) -> None:
    """Names, roles, scopes and times, and nothing that opens anything."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        ann = await someone(served, "ann", ["agent"])
        return ann, await api.get("/v1/people"), await api.get("/v1/keys")

    ann, people, keys = on(tmp_path, use)
    assert [("ann", ["agent"], True)] == [
        (person["name"], person["roles"], person["is_set_up"]) for person in people.json()["people"]
    ]
    assert ["everybody"] == [key["name"] for key in keys.json()["keys"]]
    assert keys.json()["keys"][0]["last_used_at"] is not None
    assert {
        "name", "scopes", "created_at", "last_used_at", "old_until", "tenant", "kind", "owner", "actions",
        "fields", "expires_at",
    } == keys.json()["keys"][0].keys()
    assert ann.secret not in people.text + keys.text
    assert "argon2" not in people.text
