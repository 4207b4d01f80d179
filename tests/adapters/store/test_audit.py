"""Checkpoints and receipts of an untouched audit."""

from __future__ import annotations

import json
from pathlib import Path

from tests.adapters.store.helpers import MODELS, POLICY, found, on, rows
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store


def test_receipts_tell_every_decision(audited: Path) -> None:
    """One receipt a decision, in order, bound to its place and to all that came before."""
    receipts = on(audited, lambda store: store.calls.receipts("call-1"))
    hashes = [digest.hex() for (digest,) in rows(
        audited, "SELECT hash FROM audit_events WHERE chain = 'call-1' ORDER BY seq"
    )]

    assert [receipt["produced"]["decision"] for receipt in receipts] == ["step_up", "allow"]
    assert [receipt["place"]["seq"] for receipt in receipts] == [2, 3]
    assert [receipt["place"]["sha256"] for receipt in receipts] == hashes[2:4]
    assert [receipt["data"]["recorded_before_sha256"] for receipt in receipts] == hashes[1:3]
    assert receipts[1]["system"] == {"models": MODELS, "policy": POLICY, "rule": "code_right"}
    assert on(audited, lambda store: store.calls.receipts("call-9")) == []


def test_untouched_audit_has_no_fault(audited: Path, keys: Keys) -> None:
    """Chains may have grown since their checkpoint."""
    assert found(audited, keys) == set()


def test_checkpoint_covers_what_moved(audited: Path, keys: Keys) -> None:
    """A second checkpoint leaves out what the first one saw unchanged; with nothing new there is none."""
    async def use(store: Store) -> None:
        await store.audit.checkpoint(keys.sign, 300.0)
        await store.audit.checkpoint(keys.sign, 360.0)

    on(audited, use)
    seen = [[head[0] for head in json.loads(body)["heads"]] for (body,) in rows(
        audited, "SELECT body FROM checkpoints ORDER BY checkpoint_id"
    )]
    assert seen == [["call-1", "call-2"], ["call-2", "call-3"], ["call-3"]]
