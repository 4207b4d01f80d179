"""Subscribers in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.adapters.store.helpers import dump, on
from voiceguard.adapters.store import Store, StoreError
from voiceguard.errors import ConfigurationError

CIPHER = Fernet(Fernet.generate_key())


async def _add(store: Store, **changes: Any) -> tuple[str, str]:
    values: dict[str, Any] = {"tenant": "default", "by": "ann", "now": 1.0} | changes
    return await store.webhooks.add("https://a.example/", ["call.ended", "call.started"], **values)


def test_add_keeps_secret_encrypted_and_tells_it_once(tmp_path: Path) -> None:
    """The list and the file do not hold it; the sender gets it back."""
    async def use(store: Store) -> Any:
        made = await _add(store, fields=["reason"])
        return made, await store.webhooks.list(), await store.webhooks.subscribers()

    (id_, secret), listed, subscribers = on(tmp_path / "v.db", use, CIPHER)

    assert listed == [{
        "webhook_id": id_, "tenant": "default", "url": "https://a.example/", "events": ["call.ended", "call.started"],
        "fields": ["reason"], "created_at": 1.0, "author": "ann",
    }]
    assert secret.startswith("whsec_")
    assert subscribers[id_].secret == secret
    assert not any(secret in line for line in dump(tmp_path / "v.db"))


@pytest.mark.parametrize("bad", [{"events": ["call.eaten"]}, {"events": []}, {"fields": ["customer_ref"]}])
def test_add_unknown_event_or_field_is_refused(tmp_path: Path, bad: dict[str, Any]) -> None:
    """Nothing is kept."""
    async def use(store: Store) -> Any:
        values: dict[str, Any] = {"events": ["call.ended"], "tenant": "default", "by": "ann", "now": 1.0} | bad
        with pytest.raises(ConfigurationError):
            await store.webhooks.add("https://a.example/", **values)
        return await store.webhooks.list()

    assert on(tmp_path / "v.db", use, CIPHER) == []


def test_remove_ends_it_with_its_messages_on_record(tmp_path: Path) -> None:
    """A second removal finds nothing."""
    async def use(store: Store) -> Any:
        id_, _ = await _add(store)
        await store.calls.append("call-1", [{"kind": "started", "at": 2.0, "call_id": "call-1", "customer_ref": None}])
        removed = [await store.webhooks.remove(id_, by="ann", now=3.0) for _ in range(2)]
        return removed, await store.outbox.deliveries(id_), await store.calls.events("~people")

    removed, left, records = on(tmp_path / "v.db", use, CIPHER)

    assert (removed, left) == ([True, False], [])
    assert [record["kind"] for record in records] == ["started", "webhook_added", "webhook_removed"]


def test_list_of_a_tenant_leaves_others_out(tmp_path: Path) -> None:
    """Each brand has its own."""
    async def use(store: Store) -> Any:
        await _add(store)
        id_, _ = await _add(store, tenant="brand")
        return id_, [webhook["webhook_id"] for webhook in await store.webhooks.list("brand")]

    id_, listed = on(tmp_path / "v.db", use, CIPHER)
    assert listed == [id_]


def test_subscribers_with_another_key_is_a_fault(tmp_path: Path) -> None:
    """A secret that cannot be read is never sent with."""
    on(tmp_path / "v.db", _add, CIPHER)

    with pytest.raises(StoreError, match="another key"):
        on(tmp_path / "v.db", lambda store: store.webhooks.subscribers(), Fernet(Fernet.generate_key()))
