"""Attacks of somebody who may write the database, and hold no key: each is found by verification."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.adapters.installations import attack, link_anew, sealed, settings, three_calls
from voiceguard.adapters.audit_verify import Installation, verify_installation
from voiceguard.adapters.keys import Keys
from voiceguard.errors import ConfigurationError, NothingThere

LAST = "DELETE FROM checkpoints WHERE checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoints)"
UNSIGNED = "UPDATE chain_heads SET signed_in = NULL, signed_count = NULL"
EVERYTHING = ("checkpoints", "audit_events", "chain_heads", "actions", "grants", "calls", "api_keys", "customers")


@pytest.fixture(scope="module")
def _whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "data"
    sealed(settings(folder), three_calls)
    return folder


@pytest.fixture
def folder(_whole: Path, tmp_path: Path) -> Path:
    """A healthy installation of the test's own."""
    return Path(shutil.copytree(_whole, tmp_path / "data"))


def verified(folder: Path, since: Path | None = None, now: float = 231.0, **audit: Any) -> Installation:
    """As `voiceguard audit verify` does it."""
    return asyncio.run(verify_installation(settings(folder, **audit), since, now))


def kinds(found: Installation) -> set[tuple[str, str]]:
    """Chain and kind of every fault."""
    return {(fault.chain, fault.kind) for fault in found.seen.faults}


def forget(folder: Path, call: str) -> None:
    """Take a call out of every table."""
    attack(folder, *(
        f"DELETE FROM {table} WHERE {column} = '{call}'"
        for table, column in (("audit_events", "chain"), ("chain_heads", "chain"), ("grants", "call_id"),
                              ("actions", "call_id"), ("calls", "call_id"))
    ))


def test_verify_installation_untouched_counts_what_it_saw(folder: Path) -> None:
    """Calls, records, checkpoints, times and the key, and no fault; nothing new lies in the folder."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    found = verified(folder)

    assert [] == found.seen.faults
    assert (3, 4, 18, 3) == (found.seen.calls, found.seen.chains, found.seen.records, found.seen.checkpoints)
    assert (100.0, 210.0, 230.0) == (found.seen.first_at, found.seen.last_at, found.seen.newest.issued_at)  # type: ignore[union-attr]
    assert (folder.absolute(), Keys.open(folder).kid) == (found.folder, found.kid)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def _rewritten(folder: Path) -> None:
    link_anew(folder, "call-1", lambda records: [record.replace(b'"media"', b'"audio"') for record in records])
    attack(folder, "DELETE FROM checkpoints", UNSIGNED)


def _dropped_decision(folder: Path) -> None:
    link_anew(folder, "call-3", lambda records: [record for record in records if b'"decision"' not in record])
    attack(folder, "DELETE FROM actions WHERE call_id = 'call-3'", "DELETE FROM grants WHERE call_id = 'call-3'",
           LAST, UNSIGNED)


def _whole_call(folder: Path) -> None:
    forget(folder, "call-3")
    attack(folder, LAST, UNSIGNED)


def _people(folder: Path) -> None:
    forget(folder, "~people")
    attack(folder, LAST, UNSIGNED)


def _emptied(folder: Path) -> None:
    attack(folder, *(f"DELETE FROM {table}" for table in EVERYTHING))


def _fresh(folder: Path) -> None:
    (folder / "voiceguard.db").write_bytes(b"")


def _gone(folder: Path) -> None:
    (folder / "voiceguard.db").unlink()


def _garbage(folder: Path) -> None:
    (folder / "voiceguard.db").write_bytes(b"garbage" * 1000)


def _no_tables(folder: Path) -> None:
    attack(folder, "DROP TABLE grants")


@pytest.mark.parametrize("harm", [
    _rewritten, _dropped_decision, _whole_call, _people, _emptied, _fresh, _gone, _garbage,
    _no_tables,
])
def test_verify_installation_history_taken_away_is_a_fault(folder: Path, harm: Callable[[Path], None]) -> None:
    """The mark beside the keys remembers, and the fault says how much it saw."""
    harm(folder)
    found = verified(folder)

    assert ("checkpoints", "removed") in kinds(found)
    assert any("checkpoint 3" in fault.text and "4 chains and 18 records" in fault.text for fault in found.seen.faults)


def test_verify_installation_older_copy_is_a_fault(folder: Path, tmp_path: Path) -> None:
    """A database that was put back is whole in itself, and lacks what the mark saw."""
    copy = shutil.copy(folder / "voiceguard.db", tmp_path / "copy.db")
    sealed(settings(folder), _later)
    shutil.copy(copy, folder / "voiceguard.db")

    (fault,) = verified(folder).seen.faults
    assert ("checkpoints", 4, "removed") == (fault.chain, fault.seq, fault.kind)


async def _later(store: Any, seal: Any) -> None:
    await store.decisions.redeem_grant("jti-3", 240.0)
    await seal.checkpoint(250.0)


def test_verify_installation_whole_folder_put_back_needs_a_witness(folder: Path, tmp_path: Path) -> None:
    """Only a mark that was kept elsewhere shows it: a file given, or the witness's."""
    witness, copy = tmp_path / "witness", tmp_path / "copy"
    shutil.copytree(folder, copy)
    sealed(settings(folder, witness_file=witness), _later)

    assert [] == verified(copy).seen.faults
    assert {("checkpoints", "removed")} == kinds(verified(copy, since=witness))
    assert {("checkpoints", "removed")} == kinds(verified(copy, witness_file=witness))
    assert [] == verified(folder, since=witness, witness_file=witness, now=251.0).seen.faults


def test_verify_installation_uncovered_records_are_a_fault_after_minutes(folder: Path) -> None:
    """The service signs what it wrote within one; another's rows with nobody's signature stay so."""
    attack(folder, "UPDATE chain_heads SET signed_in = NULL, signed_count = NULL WHERE chain = 'call-3'")

    assert set() == kinds(verified(folder, now=399.0))
    assert {("call-3", "unsigned")} == kinds(verified(folder, now=401.0))


def test_verify_installation_false_claim_of_a_checkpoint_is_a_fault(folder: Path) -> None:
    """A forged call cannot say that a checkpoint covers it."""
    attack(
        folder,
        "INSERT INTO calls (call_id, started_at) VALUES ('call-4', 1.0)",
        "INSERT INTO chain_heads VALUES ('call-4', 0, x'00', 1, 3)",
    )
    link_anew(folder, "call-4", lambda _: [b'{"at":1.0,"call_id":"call-4","customer_ref":null,"kind":"started"}'])

    assert ("checkpoints", "changed") in kinds(verified(folder))


def test_verify_installation_mark_gone_or_forged_is_a_fault(folder: Path, tmp_path: Path) -> None:
    """With checkpoints there must be a mark, and it must be this service's."""
    mark = folder / "audit-mark.json"
    kept = mark.read_text()
    mark.unlink()
    assert {("mark", "removed")} == kinds(verified(folder))

    for text in (kept.replace('"number":3', '"number":2'), "{}", ""):
        mark.write_text(text)
        assert {("mark", "changed")} == kinds(verified(folder))

    (tmp_path / "forged").write_text(kept.replace('"records":18', '"records":1'))
    mark.write_text(kept)
    assert {("mark", "changed")} == kinds(verified(folder, since=tmp_path / "forged"))


def test_verify_installation_keys_gone_beside_a_mark_is_a_fault(folder: Path) -> None:
    """Without the key nothing can be said of the signatures."""
    (folder / "signing-key.json").unlink()

    assert {("keys", "removed")} == kinds(verified(folder))


def test_verify_installation_file_without_marks_is_a_mistake(folder: Path, tmp_path: Path) -> None:
    """What was given is no file of marks."""
    (tmp_path / "other").write_text("not a mark\n")

    with pytest.raises(ConfigurationError, match="not a mark"):
        verified(folder, since=tmp_path / "other")
    with pytest.raises(ConfigurationError, match="No such file"):
        verified(folder, since=tmp_path / "typo")


def test_verify_installation_nothing_there_makes_nothing(tmp_path: Path) -> None:
    """Neither in a folder that does not exist, nor in an empty one, nor where keys alone lie."""
    empty, keys = tmp_path / "empty", tmp_path / "keys"
    empty.mkdir()
    Keys.open(keys)

    for folder in (tmp_path / "typo", empty, keys):
        with pytest.raises(NothingThere, match="nothing to verify"):
            verified(folder)
    assert {"empty", "keys"} == {path.name for path in tmp_path.iterdir()}
    assert [] == list(empty.iterdir()) and 2 == len(list(keys.iterdir()))


def test_verify_installation_reads_beside_a_running_service(folder: Path) -> None:
    """The service has the database open, with a log beside it."""
    with closing(sqlite3.connect(folder / "voiceguard.db")) as service:
        service.execute("PRAGMA journal_mode = WAL")
        service.execute("BEGIN IMMEDIATE")
        service.execute("INSERT INTO nonces VALUES ('n', 1.0)")

        assert [] == verified(folder).seen.faults


def _columns(folder: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(folder / "voiceguard.db")) as connection:
        return [
            (table, column[1]) for table in EVERYTHING[:6]
            for column in connection.execute(f"PRAGMA table_info({table})")
        ]


GARBAGE = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=20),
    st.binary(max_size=20),
    st.sampled_from([b"\xff\xfe", "[" * 5000, "9" * 5000, '{"kind":[]}', "NaN", "call-1", 1e308, "-1"]),
)


@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_verify_installation_garbage_in_any_column_is_no_traceback(_whole: Path, tmp_path: Path, data: Any) -> None:
    """Whatever lies in a cell, verification ends, with faults or without."""
    folder = Path(shutil.copytree(_whole, tmp_path / "data", dirs_exist_ok=True))
    table, column = data.draw(st.sampled_from(_columns(folder)))
    value, as_text = data.draw(GARBAGE), data.draw(st.booleans())
    if isinstance(value, str):
        value = value.encode(errors="replace").decode()
    with closing(sqlite3.connect(folder / "voiceguard.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        place = f"rowid = (SELECT rowid FROM {table} LIMIT 1 OFFSET {data.draw(st.integers(0, 2))})"
        put = "CAST(? AS TEXT)" if as_text else "?"
        try:
            connection.execute(f"UPDATE {table} SET {column} = {put} WHERE {place}", (value,))
        except sqlite3.IntegrityError:
            return  # not even SQLite takes it

    verified(folder)


@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(
    st.binary(max_size=30), st.sampled_from([
        b"null", b"[]", b"{}", b'{"kind":"decision"}', b'{"kind":"grant_redeemed","jti":"x","at":1}',
        b'{"kind":"started","at":"then"}', b'{"kind":["a"],"at":1}', b'{"kind":"decision","at":1,"grant":1}',
        b'{"kind":"restored","at":1}', b"[" * 100_000, b'{"kind":"x","at":' + b"9" * 5000 + b"}",
        b'{"kind":"x","at":NaN}',
    ]),
), max_size=4))
def test_verify_installation_forged_records_are_no_traceback(
    _whole: Path, tmp_path: Path, records: list[bytes]
) -> None:
    """Links that are right around records that are none."""
    folder = Path(shutil.copytree(_whole, tmp_path / "data", dirs_exist_ok=True))
    link_anew(folder, "call-3", lambda before: [*before[:1], *records])

    assert verified(folder).seen.faults
