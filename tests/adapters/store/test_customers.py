"""Customers: an encrypted secret, a lock and the last code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.adapters.store.helpers import ALLOW, DENY, STARTED, decide, on
from voiceguard.adapters.store import Store, StoreError


def test_customer_is_kept_encrypted(tmp_path: Path) -> None:
    """The TOTP secret comes back, and does not lie in the file."""
    async def use(store: Store) -> Any:
        await store.customers.upsert("customer-1", totp_secret="JBSWY3DPEHPK3PXP")
        return await store.customers.find("customer-1"), await store.customers.find("customer-2")

    known, unknown = on(tmp_path / "v.db", use, Fernet(Fernet.generate_key()))
    assert (known.totp_secret, known.last_totp_step, known.locked_until) == ("JBSWY3DPEHPK3PXP", -1, 0.0)
    assert unknown is None
    assert all(b"JBSWY3DPEHPK3PXP" not in file.read_bytes() for file in tmp_path.iterdir())


def test_new_secret_keeps_lock_and_step(tmp_path: Path) -> None:
    """Enrolling anew opens neither a lock nor a used code."""
    async def use(store: Store) -> Any:
        await store.customers.upsert("customer-1", totp_secret="JBSWY3DPEHPK3PXP")
        await store.calls.append("call-1", [STARTED])
        await decide(store, ALLOW)
        await decide(store, replace(DENY, action_id="a2"))
        await store.customers.upsert("customer-1")
        return await store.customers.find("customer-1")

    kept = on(tmp_path / "v.db", use, Fernet(Fernet.generate_key()))
    assert (kept.totp_secret, kept.last_totp_step, kept.locked_until) == (None, 77, 1010.0)


def test_secret_needs_a_cipher(tmp_path: Path) -> None:
    """Without a cipher no secret is written; without the right one none is read."""
    path, key = tmp_path / "v.db", Fernet(Fernet.generate_key())
    with pytest.raises(StoreError):
        on(path, lambda store: store.customers.upsert("customer-1", totp_secret="JBSWY3DPEHPK3PXP"))
    on(path, lambda store: store.customers.upsert("customer-1", totp_secret="JBSWY3DPEHPK3PXP"), key)

    for cipher in (None, Fernet(Fernet.generate_key())):
        with pytest.raises(StoreError) as fault:
            on(path, lambda store: store.customers.find("customer-1"), cipher)
        assert "JBSWY3DPEHPK3PXP" not in str(fault.value)
