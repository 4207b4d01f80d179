"""Everything that somebody changes behind the audit's back is found."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.adapters.store.helpers import found, rows, sql
from voiceguard.adapters.keys import Keys
from voiceguard.audit.chain import genesis, link


def rewritten(path: Path, chain: str, records: list[bytes]) -> None:
    """A chain that was made anew, every link and the head right."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM audit_events WHERE chain = ?", (chain,))
        previous = genesis(chain)
        for seq, record in enumerate(records):
            previous = link(previous, record)
            connection.execute("INSERT INTO audit_events VALUES (?, ?, ?, ?)", (chain, seq, record, previous))
        connection.execute(
            "UPDATE chain_heads SET count = ?, hash = ? WHERE chain = ?", (len(records), previous, chain)
        )
        connection.commit()


SWAP = (
    "UPDATE audit_events SET seq = 99 WHERE chain = 'call-2' AND seq = 1",
    "UPDATE audit_events SET seq = 1 WHERE chain = 'call-2' AND seq = 2",
    "UPDATE audit_events SET seq = 2 WHERE chain = 'call-2' AND seq = 99",
)


@pytest.mark.parametrize(
    ("statements", "faults"),
    [
        (["UPDATE audit_events SET record = CAST(replace(CAST(record AS TEXT), '\"ms\":40', '\"ms\":41') AS BLOB) "
          "WHERE chain = 'call-2' AND seq = 2"], {("call-2", 2, "changed")}),
        (["UPDATE audit_events SET record = 'not json' WHERE chain = 'call-2' AND seq = 1"],
         {("call-2", 1, "changed")}),
        (["UPDATE audit_events SET hash = 'text' WHERE chain = 'call-3' AND seq = 1"],
         {("call-3", 1, "changed")}),
        (["DELETE FROM audit_events WHERE chain = 'call-2' AND seq = 1"], {("call-2", 1, "removed")}),
        (["DELETE FROM audit_events WHERE chain = 'call-2' AND seq >= 3"],
         {("call-2", 3, "truncated"), ("call-2", 4, "truncated")}),
        (["DELETE FROM audit_events WHERE chain = 'call-2' AND seq >= 3",
          "UPDATE chain_heads SET count = 3, hash = (SELECT hash FROM audit_events WHERE chain = 'call-2' AND seq = 2) "
          "WHERE chain = 'call-2'"], {("call-2", 4, "truncated"), ("call-2", 3, "changed")}),
        (["DELETE FROM chain_heads WHERE chain = 'call-3'"], {("call-3", 0, "added")}),
        (["UPDATE chain_heads SET hash = zeroblob(32) WHERE chain = 'call-3'"], {("call-3", 1, "changed")}),
        (["UPDATE calls SET customer_ref = 'customer-2' WHERE call_id = 'call-2'"], {("call-2", 5, "changed")}),
        (["UPDATE calls SET end_reason = 'shutdown' WHERE call_id = 'call-2'"], {("call-2", 5, "changed")}),
        (["DELETE FROM calls WHERE call_id = 'call-3'"], {("call-3", 2, "changed")}),
        (["UPDATE actions SET decision = 'deny' WHERE call_id = 'call-1'"], {("call-1", 6, "changed")}),
        (["DELETE FROM actions"], {("call-1", 6, "changed")}),
        (["INSERT INTO actions SELECT call_id, 'a9', at, action, tier, 'allow', state, rule, person FROM actions"],
         {("call-1", 6, "changed")}),
        (["UPDATE grants SET redeemed_at = NULL"], {("call-1", 6, "changed")}),
        (["UPDATE grants SET expires_at = 1e12"], {("call-1", 6, "changed")}),
        (["INSERT INTO grants VALUES ('jti-9', 'call-9', 'a1', 1e12, NULL)"], {("call-9", 0, "changed")}),
        (["DELETE FROM checkpoints WHERE checkpoint_id = 1"],
         {("checkpoints", 2, "removed"), ("checkpoints", 1, "removed")}),
        (["DELETE FROM checkpoints WHERE checkpoint_id = 2"], {("checkpoints", 2, "removed")}),
        (["UPDATE checkpoints SET signature = 'AAAA' WHERE checkpoint_id = 2"], {("checkpoints", 2, "changed")}),
        (["UPDATE checkpoints SET body = '{}' WHERE checkpoint_id = 2"], {("checkpoints", 2, "changed")}),
    ],
)
def test_tampering_is_found(
    audited: Path, keys: Keys, statements: list[str], faults: set[tuple[str, int, str]]
) -> None:
    """What somebody with the database's password changes, removes or puts in is named by its place."""
    sql(audited, *statements)

    assert found(audited, keys) == faults


def test_swapped_records_are_found(audited: Path, keys: Keys) -> None:
    """Two records that changed places are told as reordered."""
    sql(audited, *SWAP)

    assert ("call-2", 1, "reordered") in found(audited, keys)


def test_whole_call_that_was_removed_is_found(audited: Path, keys: Keys) -> None:
    """The checkpoint remembers a call of which nothing else is left."""
    for table, column in (("audit_events", "chain"), ("chain_heads", "chain"), ("grants", "call_id"),
                          ("actions", "call_id"), ("calls", "call_id")):
        sql(audited, f"DELETE FROM {table} WHERE {column} = 'call-1'")

    assert found(audited, keys) == {("call-1", 5, "truncated")}


def test_chain_that_was_made_anew_is_found(audited: Path, keys: Keys) -> None:
    """A forger who gets every link and the head right still contradicts a signature."""
    records = [record.replace(b'"ms":40', b'"ms":41') for (record,) in rows(
        audited, "SELECT record FROM audit_events WHERE chain = 'call-2' ORDER BY seq"
    )]
    rewritten(audited, "call-2", records)

    assert found(audited, keys) == {("call-2", 2, "changed"), ("call-2", 4, "changed")}


def test_chain_put_under_another_call_is_found(audited: Path, keys: Keys) -> None:
    """A chain is bound to its call's id."""
    sql(audited, *(
        f"UPDATE {table} SET {column} = 'call-4' WHERE {column} = 'call-3'"
        for table, column in (("audit_events", "chain"), ("chain_heads", "chain"), ("calls", "call_id"))
    ))

    assert {("call-4", 0, "changed"), ("call-3", 0, "truncated")} <= found(audited, keys)


def test_checkpoint_of_another_key_is_found(audited: Path, tmp_path: Path) -> None:
    """Who lacks the service's key cannot sign for it."""
    assert found(audited, Keys.open(tmp_path / "other")) == {
        ("checkpoints", 1, "changed"), ("checkpoints", 2, "changed")
    }
