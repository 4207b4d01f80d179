"""An audit of three calls, and the service's keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.store.helpers import ENDED, NOTE, STARTED, on, one_call
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys.open(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def audited(tmp_path: Path, keys: Keys) -> Path:
    """Three calls: one redeemed grant, and a checkpoint while call-2 and call-3 were on their way."""
    path = tmp_path / "v.db"

    async def use(store: Store) -> None:
        await one_call(store)
        await store.decisions.redeem_grant("jti-1", 130.0)
        await store.calls.append("call-2", [STARTED | {"call_id": "call-2"}, NOTE, NOTE | {"ms": 40.0}])
        await store.audit.checkpoint(keys.sign, 170.0)
        await store.calls.append("call-2", [NOTE | {"ms": 60.0}, ENDED])
        await store.calls.append("call-3", [STARTED | {"call_id": "call-3"}])
        await store.audit.checkpoint(keys.sign, 230.0)
        await store.calls.append("call-3", [NOTE])

    on(path, use)
    return path
