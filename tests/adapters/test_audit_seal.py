"""Checkpoints with their marks, and a service that refuses a database that was put back."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.delivery.receivers import Receiver, receiving
from tests.adapters.installations import attack, sealed, settings, three_calls
from tests.adapters.store.helpers import NOTE, STARTED
from voiceguard.adapters.audit_seal import AuditSeal, audit_seal
from voiceguard.adapters.audit_verify import verify_installation
from voiceguard.adapters.store import Store
from voiceguard.adapters.store.audit import AuditBroken
from voiceguard.errors import ConfigurationError, VoiceguardError


def put_back(folder: Path, tmp_path: Path) -> None:
    """Three calls, a copy of the database, a grant redeemed and a customer locked out; then the copy again."""
    sealed(settings(folder), three_calls)
    copy = shutil.copy(folder / "voiceguard.db", tmp_path / "copy.db")

    async def use_up(store: Store, seal: AuditSeal) -> None:
        assert await store.decisions.redeem_grant("jti-3", 240.0)
        await seal.checkpoint(250.0)

    sealed(settings(folder), use_up)
    shutil.copy(copy, folder / "voiceguard.db")


def test_checkpoint_keeps_its_mark_outside_the_database(tmp_path: Path) -> None:
    """Number and counts are what the database has; without news the mark stays."""
    async def use(store: Store, seal: AuditSeal) -> list[Any]:
        assert await seal.checkpoint(1.0) is None
        await store.calls.append("call-1", [STARTED, NOTE])
        first = await seal.checkpoint(2.0)
        kept = seal.marks.newest()
        await seal.checkpoint(3.0)
        return [first, kept, seal.marks.newest()]

    first, kept, later = sealed(settings(tmp_path), use)
    assert first == kept == later
    assert (1, 2.0, 1, 2) == (kept.number, kept.issued_at, kept.chains, kept.records)


def test_checkpoint_on_a_database_that_was_put_back_signs_nothing(tmp_path: Path) -> None:
    """A live service notices within a minute, and its own signature covers no forgery."""
    async def use(store: Store, seal: AuditSeal) -> None:
        await three_calls(store, seal)
        attack(tmp_path, "DELETE FROM checkpoints", "UPDATE chain_heads SET signed_in = NULL, signed_count = NULL")
        with pytest.raises(AuditBroken, match="checkpoint 3 .* saw 4 chains and 18 records"):
            await seal.checkpoint(300.0)
        assert 3 == seal.marks.newest().number  # type: ignore[union-attr]

    sealed(settings(tmp_path), use)


def test_demand_refuses_a_database_that_was_put_back(tmp_path: Path) -> None:
    """So that a spent grant is not spent again; also where the mark was taken away, or the witness knows more."""
    put_back(tmp_path / "data", tmp_path)
    refused = "rolled back.*accept-restore"

    async def demand(_: Store, seal: AuditSeal) -> None:
        with pytest.raises(AuditBroken, match=refused):
            await seal.demand()

    sealed(settings(tmp_path / "data"), demand)
    mark = (tmp_path / "data" / "audit-mark.json").replace(tmp_path / "witness")
    refused = "mark that is kept outside of it is gone"
    sealed(settings(tmp_path / "data"), demand)
    refused = "rolled back"
    (tmp_path / "data" / "audit-mark.json").write_bytes(mark.read_bytes())
    sealed(settings(tmp_path / "data", witness_file=mark), demand)


def test_demand_leads_on_from_an_older_mark(tmp_path: Path) -> None:
    """A crash between checkpoint and mark, or a machine that signs none, leaves the mark behind the database."""
    async def use(store: Store, seal: AuditSeal) -> None:
        await three_calls(store, seal)
        before = seal.marks.newest()
        await store.calls.append("call-2", [NOTE])
        await seal.checkpoint(300.0)
        assert before is not None
        seal.marks.keep(before, instead=True)
        await seal.demand()

    sealed(settings(tmp_path), use)


def test_accept_restore_uses_up_what_may_have_been_used(tmp_path: Path) -> None:
    """The grant redeems no second time, codes of this minute are spent, the chain says who and why; all is whole."""
    put_back(tmp_path / "data", tmp_path)
    options = settings(tmp_path / "data")

    async def accept(store: Store, seal: AuditSeal) -> Any:
        closed = await seal.accept_restore(by="ann", reason="disk failed", now=260.0)
        await seal.demand()
        assert await seal.accept_restore(by="ann", reason="again", now=261.0) is None
        redeemed = await store.decisions.redeem_grant("jti-3", 262.0)
        customer, records = await store.customers.find("customer-1"), await store.calls.events("~people")
        return closed, redeemed, customer, records[-1]

    closed, redeemed, customer, record = sealed(options, accept)
    assert (1, False, 9) == (closed.grants, redeemed, customer.last_totp_step)
    assert ("restored", "ann", "disk failed", 3, 4) == (
        record["kind"], record["by"], record["reason"], record["kept_checkpoint"], record["lost"]["number"]
    )
    found = asyncio.run(verify_installation(options, None, 270.0))
    assert [] == found.seen.faults and ["disk failed"] == [one["reason"] for one in found.seen.restored]


def test_accept_restore_explains_what_the_witness_lost(tmp_path: Path) -> None:
    """Its own witness agrees from then on; an auditor's file still shows what is gone, and why."""
    witness = tmp_path / "witness"
    put_back(tmp_path / "data", tmp_path)
    options = settings(tmp_path / "data", witness_file=witness)
    witness.write_bytes((tmp_path / "data" / "audit-mark.json").read_bytes())
    shutil.copy(witness, tmp_path / "auditors")
    sealed(options, lambda _, seal: seal.accept_restore(by="ann", reason="disk failed", now=260.0))

    assert [] == asyncio.run(verify_installation(options, None, 270.0)).seen.faults
    (fault,) = asyncio.run(verify_installation(options, tmp_path / "auditors", 270.0)).seen.faults
    assert "a restore was accepted at 1970-01-01T00:04:20Z by ann: disk failed" in fault.text


def test_accept_restore_after_the_mark_was_lost_goes_on(tmp_path: Path) -> None:
    """Its file gone or unreadable."""
    spoils: tuple[Callable[[Path], object], ...] = (Path.unlink, lambda path: path.write_text("?"))
    for number, spoil in enumerate(spoils):
        options = settings(tmp_path / str(number))
        sealed(options, three_calls)
        spoil(options.data_dir / "audit-mark.json")
        assert sealed(options, lambda _, seal: seal.accept_restore(by="ann", reason="lost", now=260.0)) is not None
        sealed(options, lambda _, seal: seal.demand())


def test_audit_seal_tells_a_witness_by_a_signed_post(tmp_path: Path) -> None:
    """Each mark once; a witness that refuses is an error after the mark was kept."""
    with receiving() as receiver:
        options = settings(tmp_path, witness_url=receiver.url, witness_secret="shared")

        async def use(store: Store, seal: AuditSeal) -> None:
            await store.calls.append("call-1", [STARTED])
            await seal.checkpoint(2.0)
            await seal.checkpoint(3.0)
            await store.calls.append("call-1", [NOTE])
            receiver.status = 500
            with pytest.raises(VoiceguardError, match="mark of the audit was not delivered: the webhook answered 500"):
                await seal.checkpoint(4.0)
            assert 2 == seal.marks.newest().number  # type: ignore[union-attr]

        sealed(options, use)
        assert [1, 2] == [json.loads(body)["number"] for _, _, body in receiver.received]
        assert all(_is_signed(receiver, number) for number in range(2))


def _is_signed(receiver: Receiver, number: int) -> bool:
    _, headers, body = receiver.received[number]
    signed = headers["X-Voiceguard-Timestamp"].encode() + b"." + body
    return headers["X-Voiceguard-Signature"] == "v1=" + hmac.new(b"shared", signed, hashlib.sha256).hexdigest()


def test_audit_seal_witness_without_a_secret_is_refused(tmp_path: Path) -> None:
    """Nobody could tell its marks from another's."""
    async def use() -> None:
        async with audit_seal(settings(tmp_path, witness_url="https://example.com"), None, None):  # type: ignore[arg-type]
            pass

    with pytest.raises(ConfigurationError, match="witness_secret"):
        asyncio.run(use())


def test_demand_waits_for_the_first_mark_of_a_worker_beside_it(tmp_path: Path) -> None:
    """The first checkpoint is in the database a moment before its mark is in the folder that two workers share; a mark
    that does not come is gone."""
    options = settings(tmp_path)
    sealed(options, three_calls)
    mark = options.data_dir / "audit-mark.json"
    content = mark.read_bytes()
    mark.unlink()

    async def demand(_: Store, seal: AuditSeal) -> None:
        with pytest.raises(AuditBroken, match="is gone"):
            await seal.demand()
        waiting = asyncio.create_task(seal.demand())
        await asyncio.sleep(0.1)
        mark.write_bytes(content)
        mark.chmod(0o600)
        await waiting

    sealed(options, demand)
