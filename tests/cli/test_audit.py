"""`voiceguard audit`, and what commands do about a database that was put back."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.installations import attack, sealed, settings, three_calls
from tests.adapters.store.helpers import TERMS
from tests.cli.commands import mistake, run
from tests.server.builders import decided
from voiceguard.adapters.audit_seal import AuditSeal
from voiceguard.adapters.store import Store
from voiceguard.events import Decision

READ_ONLY = (
    ("audit", "verify"), ("audit", "export"), ("keys", "list"), ("users", "list"), ("watchlist", "list"),
    ("enrol", "list", "customer-1"), ("callset", "reviewed", "--out", "reviewed"), ("policy", "shadow"),
    ("audit", "checkpoint", "--out", "mark"), ("audit", "accept-restore", "--by", "ann", "--reason", "typo"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three calls, long ago."""
    sealed(settings(tmp_path / "data"), three_calls)
    return tmp_path / "data"


def test_verify_tells_counts_folder_and_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three lines for a person, the last of them the verdict."""
    assert 0 == run("audit", "verify")
    counts, key, verdict = capsys.readouterr().out.splitlines()
    assert counts == (
        f"{folder}: 3 calls, 18 records, 3 checkpoints, from 1970-01-01T00:01:40Z to 1970-01-01T00:03:30Z"
    )
    assert key.startswith("signing key ") and key.endswith(", newest checkpoint 3 of 1970-01-01T00:03:50Z")
    assert "every chain and checkpoint is whole" == verdict


def test_verify_tells_each_fault_on_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was changed behind the service's back is named, and the answer is no; a name cannot forge a line."""
    attack(
        folder, "UPDATE audit_events SET record = replace(record, 'gap', 'map') WHERE chain = 'call-2' AND seq = 1",
        "INSERT INTO calls (call_id, started_at) VALUES ('x' || char(10) || 'every chain is whole', 1.0)",
    )

    assert 1 == run("audit", "verify")
    out = capsys.readouterr().out.splitlines()
    assert "call-2 1: changed: this record is not what was recorded" in out
    assert "2 faults" == out[-1] and 5 == len(out)


@pytest.mark.parametrize("command", READ_ONLY)
def test_commands_that_read_make_nothing(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the wrong folder they say so on one line, with its full path."""
    monkeypatch.chdir(tmp_path)

    assert 2 == run(*command)
    assert str(tmp_path / "data") in mistake(capsys)
    assert [] == list(tmp_path.iterdir())


def test_checkpoint_that_was_kept_shows_a_folder_put_back(folder: Path, tmp_path: Path) -> None:
    """Keys, mark and database are all of an older copy, and whole in themselves."""
    shutil.copytree(folder, tmp_path / "copy")
    assert 0 == run("keys", "create", "platform-2", "--scope", "stream")
    assert 0 == run("audit", "checkpoint", "--out", tmp_path / "kept")
    assert 0 == run("audit", "verify", "--since", tmp_path / "kept")
    shutil.rmtree(folder)
    (tmp_path / "copy").rename(folder)

    assert 0 == run("audit", "verify")
    assert 1 == run("audit", "verify", "--since", tmp_path / "kept")
    assert 2 == run("audit", "verify", "--since", tmp_path / "typo")


def test_commands_on_a_database_put_back_stop_until_it_is_accepted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service does not start, and one line says why and what to do."""
    copy = shutil.copy(folder / "voiceguard.db", tmp_path / "copy.db")
    assert 0 == run("keys", "create", "platform-2", "--scope", "stream")
    shutil.copy(copy, folder / "voiceguard.db")
    capsys.readouterr()

    for command in (("serve", "--port", "0"), ("keys", "create", "platform-3", "--scope", "stream")):
        assert 2 == run(*command)
        assert "rolled back" in (line := mistake(capsys)) and "accept-restore" in line
    assert 0 == run("audit", "accept-restore", "--by", "ann", "--reason", "disk failed")
    assert "accepted and recorded; 0 open grants revoked" in capsys.readouterr().out
    assert 1 == run("audit", "accept-restore", "--by", "ann", "--reason", "twice")
    assert 0 == run("keys", "create", "platform-3", "--scope", "stream")
    assert 0 == run("audit", "verify")
    assert "by ann: disk failed" in capsys.readouterr().out


@pytest.fixture
def decisions(tmp_path: Path) -> None:
    """Two calls of 2001 with a decision each."""
    async def record(store: Store, seal: AuditSeal) -> None:
        for number, decision in enumerate((Decision.HANDOVER, Decision.DENY)):
            call_id, at = f"call-{number}", 1e9 + 10 * number
            await store.calls.append(call_id, [{"kind": "started", "at": at, "call_id": call_id, "customer_ref": None}])
            await store.decisions.record(
                call_id, decided(decision, action=f"action-{number}"), at=at + 1, models={"synthetic": "s@1"},
                policy=f"{number}23456789abc", terms=TERMS,
            )
        await seal.checkpoint(1e9 + 20)

    sealed(settings(tmp_path / "data"), record)


@pytest.mark.parametrize(("form", "lines", "first"), [
    ("jsonl", 2, '{"call_id":"call-0","action_id":"a1"'), ("ocsf", 2, '{"class_uid":2004'),
    ("cloudevents", 2, '{"specversion":"1.0"'), ("csv", 3, "at,call_id,action_id"),
])
def test_export_writes_receipts_in_four_forms(
    form: str, lines: int, first: str, decisions: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """One for each decision."""
    assert 0 == run("audit", "export", "--format", form)
    found = capsys.readouterr().out.splitlines()
    assert lines == len(found) and found[0].startswith(first)


@pytest.mark.parametrize(("filters", "calls"), [
    ((), ["call-0", "call-1"]), (("--call", "call-1"), ["call-1"]), (("--call", "call-9"), []),
    (("--action", "action-0"), ["call-0"]), (("--decision", "deny"), ["call-1"]),
    (("--policy", "023456"), ["call-0"]), (("--policy", "123456789abc" + "f" * 52), ["call-1"]),
    (("--since", "2001-09-09T01:46:45"), ["call-1"]), (("--until", "2001-09-09T01:46:45+00:00"), ["call-0"]),
    (("--since", "2001-09-09", "--decision", "deny", "--action", "action-0"), []),
])
def test_export_filters_by_call_action_decision_time_and_policy(
    filters: tuple[str, ...], calls: list[str], decisions: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Filters narrow each other; times in the table are ISO 8601."""
    assert 0 == run("audit", "export", "--format", "csv", *filters)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    assert calls == [row["call_id"] for row in rows]
    assert {f"2001-09-09T01:46:{41 + 10 * int(call[-1])}.000Z" for call in calls} == {row["at"] for row in rows}


@pytest.mark.parametrize("filters", [("--since", "yesterday"), ("--decision", "maybe")])
def test_export_filter_that_is_none_is_a_mistake(filters: tuple[str, ...]) -> None:
    """Before anything is read."""
    assert 2 == run("audit", "export", *filters)


def test_erase_forgets_a_customer(capsys: pytest.CaptureFixture[str]) -> None:
    """Says how many calls forget them; a second time nobody knows them, and the audit stays whole."""
    assert 0 == run("customers", "add", "customer-1", "--totp")
    erase: tuple[Any, ...] = ("audit", "erase", "customer-1", "--reason", "asked to", "--by", "privacy")
    capsys.readouterr()

    assert 0 == run(*erase)
    assert "erased, from the records of 0 calls too\n" == capsys.readouterr().out
    assert 1 == run(*erase)
    assert 0 == run("keys", "create", "platform", "--scope", "stream")
    assert 0 == run("audit", "verify")
    assert 2 == run("audit", "erase", "customer-1")
