"""Decisions, their grants, codes and locks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.adapters.store.helpers import ALLOW, DENY, ENDED, STARTED, decide, on, one_call, url
from voiceguard.adapters.store import Store, StoreError
from voiceguard.events import ActionDecided


def test_grant_is_spent_once(tmp_path: Path) -> None:
    """Of many that redeem at once, over two connections, one succeeds, and the chain says so."""
    async def run() -> Any:
        async with Store.open(url(tmp_path / "v.db")) as one, Store.open(url(tmp_path / "v.db")) as other:
            await one_call(one)
            spent = await asyncio.gather(*(store.decisions.redeem_grant("jti-1", 130.0) for store in 4 * (one, other)))
            return spent, (await one.calls.events("call-1"))[-1]

    spent, last = asyncio.run(run())
    assert sorted(spent) == 7 * [False] + [True]
    assert last == {"kind": "grant_redeemed", "at": 130.0, "action_id": "a1", "jti": "jti-1"}


@pytest.mark.parametrize(("jti", "now"), [("jti-2", 130.0), ("jti-1", 1000.0)])
def test_unrecorded_or_expired_grant_is_not_spent(tmp_path: Path, jti: str, now: float) -> None:
    """A signature alone is not enough, and the moment of expiry is too late."""
    async def use(store: Store) -> Any:
        await one_call(store)
        return await store.decisions.redeem_grant(jti, now)

    assert on(tmp_path / "v.db", use) is False


def test_code_opens_one_thing(tmp_path: Path) -> None:
    """A TOTP step that another call has used is refused, and its grant is not kept."""
    async def use(store: Store) -> Any:
        await store.customers.upsert("customer-1")
        for call_id in ("call-1", "call-2"):
            await store.calls.append(call_id, [STARTED])
        await decide(store, ALLOW)
        for step in (76, 77):
            assert ALLOW.grant is not None
            grant = replace(ALLOW.grant, jti="jti-2", call_id="call-2")
            with pytest.raises(StoreError, match="used before"):
                await decide(store, replace(ALLOW, grant=grant, accepted_totp_step=step), "call-2")
        customer = await store.customers.find("customer-1")
        redeemed = await store.decisions.redeem_grant("jti-2", 130.0)
        assert customer is not None
        return customer.last_totp_step, redeemed, await store.calls.events("call-2")

    assert on(tmp_path / "v.db", use) == (77, False, [STARTED])


@pytest.mark.parametrize("decided", [DENY, ALLOW])
def test_nothing_is_granted_for_a_customer_whom_nobody_knows(tmp_path: Path, decided: ActionDecided) -> None:
    """The decision is recorded as a denial, and the customer is not made known by it."""
    async def use(store: Store) -> Any:
        await store.calls.append("call-1", [STARTED])
        stands = await decide(store, decided)
        call = await store.calls.find("call-1")
        assert call is not None
        return stands.rule, await store.customers.find("customer-1"), call["actions"][0]["decision"]

    assert on(tmp_path / "v.db", use) == ("customer_unknown", None, "deny")


@pytest.mark.parametrize(("erased", "left"), [("customer-1", "jti-2"), ("customer-2", "jti-1")])
def test_grants_of_a_call_id_that_was_used_again_die_with_their_own_customer(
    tmp_path: Path, erased: str, left: str
) -> None:
    """The call's row names the newest customer alone; the grant of each is revoked with that customer, and no other."""
    async def use(store: Store) -> list[bool]:
        for number in (1, 2):
            ref = f"customer-{number}"
            await store.customers.upsert(ref)
            await store.calls.append("call-1", [STARTED | {"customer_ref": ref, "metadata": {"line": "7"}}])
            assert ALLOW.grant is not None
            grant = replace(ALLOW.grant, jti=f"jti-{number}", customer_ref=ref)
            await decide(store, replace(
                ALLOW, action_id=f"a{number}", grant=grant, customer_ref=ref, accepted_totp_step=None
            ))
            await store.calls.append("call-1", [ENDED])
        await store.customers.erase(erased, author="ann", reason="asked", now=200.0)
        return [await store.decisions.redeem_grant(jti, 210.0) for jti in ("jti-1", "jti-2")]

    cipher = Fernet(Fernet.generate_key())
    assert [left == "jti-1", left == "jti-2"] == on(tmp_path / "v.db", use, cipher)
