"""The signing key is rotated under a running service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.server.asking import allowed, on
from tests.server.serving import Served
from voiceguard.adapters import key_rotation
from voiceguard.adapters.keys import LOOK_S, Keys


def test_grant_signed_before_the_rotation_redeems_after_it(tmp_path: Path) -> None:
    """The service takes the new key by its own job, publishes both, and redeems a grant of each."""
    async def use(served: Served, api: httpx.AsyncClient) -> Any:
        service = served.service
        (job,) = (job for job in service.jobs._jobs if job.name == "new keys")
        async with served.call():
            before = (await allowed(served, api))["grant"]
            old, new = await key_rotation.rotate_signing(
                tmp_path, Keys.open(tmp_path), service.store, by="ann", now=service.now()
            )
            await service.jobs.turn(job)
            after = (await allowed(served, api, "refund"))["grant"]
            told = [(await api.post("/v1/grants/redeem", json={"grant": one})).status_code for one in (before, after)]
        jwks = (await api.get("/.well-known/jwks.json")).json()
        await service.live.seal.checkpoint(service.now())
        faults = (await service.store.audit.verify(service.keys.verify, now=0.0)).faults
        return told, [new, old] == [key["kid"] for key in jwks["keys"]], faults, job.period_s

    assert ([200, 200], True, [], LOOK_S) == on(tmp_path, use)
