"""Grants and receipts over HTTP, against a running service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.server.asking import allowed, on
from tests.server.serving import Served


def test_grant_is_spent_once(tmp_path: Path) -> None:
    """The first redemption gets the claims, the second none; the keys of the service verify it."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        async with served.call():
            grant = (await allowed(served, api))["grant"]
            spent = [await api.post("/v1/grants/redeem", json={"grant": grant}) for _ in range(2)]
            keys = (await api.get("/.well-known/jwks.json")).json()
            return grant, [(one.status_code, one.json()) for one in spent], keys

    grant, ((first, body), (second, problem)), keys = on(tmp_path, use)
    claims = jwt.decode(grant, KeySet.import_key_set(keys), algorithms=["Ed25519", "EdDSA"]).claims
    assert (200, True, 409, "grant_spent") == (first, body["redeemed"], second, problem["code"])
    assert claims == body["claims"]
    assert ("call-1", "customer-1", "account_recovery") == (claims["call_id"], claims["sub"], claims["action"])


def test_changed_grant_is_nobodys(tmp_path: Path) -> None:
    """One letter of the claims, of the signature, and no grant at all."""
    async def use(served: Served, api: httpx.AsyncClient) -> list[tuple[int, str]]:
        async with served.call():
            head, claims, signature = (await allowed(served, api))["grant"].split(".")
        forged = [
            f"{head}.{claims[:9]}{'A' if claims[9] != 'A' else 'B'}{claims[10:]}.{signature}",
            f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}", "x",
        ]
        answers = [await api.post("/v1/grants/redeem", json={"grant": grant}) for grant in forged]
        return [(one.status_code, one.json()["code"]) for one in answers]

    assert [(400, "grant_invalid")] * 3 == on(tmp_path, use)


def test_grant_expires(tmp_path: Path) -> None:
    """Two minutes later it is worth nothing."""
    clock = [1_800_000_000.0]

    async def use(served: Served, api: httpx.AsyncClient) -> int:
        async with served.call():
            grant = (await allowed(served, api))["grant"]
            clock[0] += 121.0
            return (await api.post("/v1/grants/redeem", json={"grant": grant})).status_code

    assert 400 == on(tmp_path, use, now=lambda: clock[0])


def test_every_decision_has_its_receipt(tmp_path: Path) -> None:
    """A step-up and the allowance after it, each with its control, and the grant named by its id alone."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        async with served.call():
            grant = (await allowed(served, api))["grant"]
            spent = (await api.post("/v1/grants/redeem", json={"grant": grant})).json()
            answered = await api.get("/v1/calls/call-1/receipts")
            return answered.json()["receipts"], spent["claims"]["jti"], grant in answered.text

    receipts, jti, leaked = on(tmp_path, use)
    assert [
        ("step_up", None, "urn:voiceguard:acr:otp", "code_needed"), ("allow", jti, None, "code_entered"),
    ] == [
        (one["produced"]["decision"], one["produced"]["grant_jti"], one["control"]["step_up"], one["system"]["rule"])
        for one in receipts
    ]
    assert not leaked
