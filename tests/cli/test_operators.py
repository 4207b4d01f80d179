"""`voiceguard models`, `keys`, `customers`, `audit`."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pyotp import parse_uri

from tests.cli.commands import ROOT, mistake, run
from tests.server.builders import decided
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store
from voiceguard.events import Decision


def test_models_are_verified(capsys: pytest.CaptureFixture[str]) -> None:
    """The shipped models are the files of their cards."""
    assert 0 == run("models", "--json")
    cards = json.loads(capsys.readouterr().out)
    names = ("speaker-campplus", "synthetic-stream", "synthetic-verify")
    assert dict.fromkeys(names, True) == {card["name"]: card["verified"] for card in cards}


def test_changed_model_is_noticed(tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A model file that its card does not describe is named, and the answer is no."""
    shutil.copytree(ROOT / "models", tmp_path / "models")
    with (tmp_path / "models" / "synthetic-stream" / "model.onnx").open("ab") as file:
        file.write(b"\0")
    monkeypatch.setenv("VOICEGUARD_MODELS_DIR", str(tmp_path / "models"))

    assert 1 == run("models")
    speaker, synthetic, verify = capsys.readouterr().out.splitlines()
    assert speaker.endswith("verified") and verify.endswith("verified")
    assert synthetic.startswith("synthetic-stream ")
    assert "NOT THE FILE" in synthetic


def test_folder_without_models_is_a_mistake(
    tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing verified is not all verified."""
    monkeypatch.setenv("VOICEGUARD_MODELS_DIR", str(tmp_path / "nothing"))

    assert 2 == run("models", "--json")
    assert "models_dir" in mistake(capsys)


def test_keys_are_made_listed_and_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    """A key is shown once, when it is made."""
    assert 0 == run("keys", "create", "platform", "--scope", "stream", "--scope", "actions")
    key = capsys.readouterr().out.strip()
    assert 0 == run("keys", "list")
    listed = capsys.readouterr().out
    assert ["platform", "actions", "stream", "last", "used", "never"] == listed.split()
    assert key not in listed
    assert 0 == run("keys", "rotate", "platform", "--grace", "1")
    assert key != capsys.readouterr().out.strip()
    assert 1 == run("keys", "rotate", "nobody")
    assert 0 == run("keys", "revoke", "platform")
    assert 1 == run("keys", "revoke", "platform")
    assert 0 == run("keys", "list")
    assert "" == capsys.readouterr().out


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 129])
def test_names_are_short_and_printable(name: str) -> None:
    """What later stands in lists and records is one line."""
    assert 2 == run("keys", "create", name, "--scope", "stream")
    assert 2 == run("customers", "add", name)


def test_customer_gets_an_authenticator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The secret is printed as the URI that authenticator apps read, and kept encrypted."""
    assert 0 == run("customers", "add", "customer-1", "--totp")
    uri = capsys.readouterr().out.strip()
    assert uri.startswith("otpauth://totp/voiceguard:customer-1?secret=")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    assert b"customer-1" in kept
    assert parse_uri(uri).secret.encode() not in kept
    assert 0 == run("customers", "add", "customer-2")
    assert "" == capsys.readouterr().out


def test_audit_finds_what_was_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that was changed behind the service's back is named, and the answer is no."""
    data = tmp_path / "data"
    keys = Keys.open(data)

    async def record() -> None:
        async with Store.open(f"sqlite+aiosqlite:///{data / 'voiceguard.db'}", cipher=keys.cipher) as store:
            await store.calls.append("call-1", [
                {"kind": "started", "at": 1.0, "call_id": "call-1", "customer_ref": None},
                {"kind": "media", "at": 2.0, "note": "gap"},
                {"kind": "ended", "at": 3.0, "reason": "stopped"},
            ])
            await store.audit.checkpoint(keys.sign, 4.0)

    asyncio.run(record())
    assert 0 == run("audit", "verify")
    with closing(sqlite3.connect(data / "voiceguard.db")) as connection:
        connection.execute("UPDATE audit_events SET record = replace(record, 'gap', 'map') WHERE seq = 1")
        connection.commit()
    assert 1 == run("audit", "verify")
    assert "call-1 1: changed" in capsys.readouterr().out


@pytest.mark.parametrize(("form", "lines", "first"), [
    ("jsonl", 1, '{"call_id":"call-1","action_id":"a1"'), ("ocsf", 1, '{"class_uid":2004'),
    ("cloudevents", 1, '{"specversion":"1.0"'), ("csv", 2, "at,call_id,action_id"),
])
def test_audit_exports_receipts(
    form: str, lines: int, first: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One for each decision, in four forms; those before a time are left out."""
    data = tmp_path / "data"
    keys = Keys.open(data)

    async def record() -> None:
        async with Store.open(f"sqlite+aiosqlite:///{data / 'voiceguard.db'}", cipher=keys.cipher) as store:
            started = {"kind": "started", "at": 1e9, "call_id": "call-1", "customer_ref": None}
            await store.calls.append("call-1", [started])
            await store.decisions.record(
                "call-1", decided(Decision.HANDOVER), at=1e9 + 1, models={"synthetic": "s@1"}, policy="ab"
            )

    asyncio.run(record())
    assert 0 == run("audit", "export", "--format", form, "--since", "2001-09-09")
    found = capsys.readouterr().out.splitlines()
    assert lines == len(found) and found[0].startswith(first)
    assert 0 == run("audit", "export", "--format", form, "--since", "2001-09-09T01:46:42+00:00")
    assert lines - 1 == len(capsys.readouterr().out.splitlines())
    assert 2 == run("audit", "export", "--since", "yesterday")


def test_audit_erases_a_customer(capsys: pytest.CaptureFixture[str]) -> None:
    """Says how many calls forget them; a second time nobody knows them, and the audit stays whole."""
    assert 0 == run("customers", "add", "customer-1", "--totp")
    erase = ("audit", "erase", "customer-1", "--reason", "asked to", "--by", "privacy")
    capsys.readouterr()

    assert 0 == run(*erase)
    assert "erased, from the records of 0 calls too\n" == capsys.readouterr().out
    assert 1 == run(*erase)
    assert 0 == run("audit", "verify")
    assert 2 == run("audit", "erase", "customer-1")
