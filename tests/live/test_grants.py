"""Grants die with the risk that they rested on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.server.asking import allowed, ask, on
from tests.server.endings import until
from tests.server.serving import Served, Voice, heard, speak
from tests.server.test_grant_revocation import redeemed


def test_grant_dies_when_the_risk_turns_high(tmp_path: Path) -> None:
    """In memory at once and in the store after it, on record; the audit stays whole, in another process too."""
    voice = Voice(-2.0)

    async def use(served: Served, api: httpx.AsyncClient) -> tuple[Any, ...]:
        async with served.call() as socket:
            grant = (await allowed(served, api))["grant"]
            call = served.service.registry.calls["call-1"]
            voice.llr = 2.7
            await speak(socket, 10.0, 10.0)
            await heard(served, "call-1", 20.0)
            await until(lambda: call.core.risk.band == "high")
            told = [await redeemed(api, grant)]
            await call.grants.idle()
            call.grants.dead.clear()  # as another process would not know of it
            told.append(await redeemed(api, grant))
        records = [one["kind"] for one in await served.service.store.calls.events("call-1")]
        verified = await served.service.store.audit.verify(served.service.keys.verify, now=0.0)
        return told, "grant_revoked" in records, verified.faults

    assert ([(409, "grant_spent")] * 2, True, []) == on(tmp_path, use, voice=voice)


def test_grant_that_people_gave_at_a_high_risk_lives(tmp_path: Path) -> None:
    """They knew of it: only what was granted before dies, and the call's end takes nothing more."""
    async def use(served: Served, api: httpx.AsyncClient) -> tuple[int, str | None]:
        async with served.call() as socket:
            asked = await ask(api, "mfa_reset")
            key = await served.service.store.api_keys.create("ann", ["handover", "actions"], by="tests", now=1.0)
            async with served.api(key) as ann:
                for verdict in ("accept", "approve"):
                    body = {"verdict": verdict, "reason": "seen the passport"}
                    answer = (await ann.post(f"/v1/actions/{asked['action_id']}/handover", json=body)).json()
            await speak(socket, 5.0, 10.0)
            await heard(served, "call-1", 15.0)
        return await redeemed(api, answer["grant"])

    assert (200, None) == on(tmp_path, use, voice=Voice(2.7))
