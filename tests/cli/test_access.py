"""`voiceguard access review` on a real store."""

from __future__ import annotations

import csv
import io

import pytest

from tests.cli.commands import run
from voiceguard.cli.access import COLUMNS, rows


def test_review_names_people_and_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """Everybody with roles or scopes, tiers, fields, tenant and owner, as a table and as CSV."""
    assert 0 == run("users", "add", "ann", "--role", "agent", "--tenant", "brand-a")
    assert 0 == run("keys", "create", "=ivr", "--scope", "actions", "--actions", "information", "--fields", "decision",
                    "--expires", "90d", "--owner", "ann")
    assert 0 == run("keys", "create", "bot", "--scope", "actions", "--assistant")
    capsys.readouterr()
    assert 0 == run("access", "review")
    table = capsys.readouterr().out
    assert 0 == run("access", "review", "--csv")
    ann, ivr, bot = csv.DictReader(io.StringIO(capsys.readouterr().out))

    assert ["ann", "=ivr", "bot"] == [line.split()[1] for line in table.splitlines()[1:]]
    assert ("person", "agent", "brand-a", "not set up yet", "never") == (
        ann["kind"], ann["grants"], ann["tenant"], ann["state"], ann["last_used"]
    )
    assert ("'=ivr", "ann", "information", "decision") == (ivr["name"], ivr["owner"], ivr["tiers"], ivr["fields"])
    assert "never" != ivr["expires"]
    assert ("assistant", "all", "never", "0") == (bot["kind"], bot["fields"], bot["expires"], bot["unused_days"])


@pytest.mark.parametrize("wrong", [
    ("--scope", "grants", "--assistant"), ("--scope", "actions", "--actions", "gold"),
    ("--scope", "actions", "--fields", "a b"), ("--scope", "actions", "--tenant", "A~b"),
])
def test_key_of_what_there_is_not_is_refused(wrong: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """An assistant that redeems, an unknown tier, and names that are none."""
    assert 0 == run("keys", "create", "first", "--scope", "live")
    assert 2 == run("keys", "create", "k", *wrong)
    capsys.readouterr()
    assert 0 == run("keys", "list")
    assert ["first"] == [line.split()[0] for line in capsys.readouterr().out.splitlines()]


def test_review_says_since_when_nothing_was_used() -> None:
    """From the last use, or the making; an expired key says so."""
    key = {"name": "k", "scopes": ["live"], "created_at": 0.0, "last_used_at": 86400.0, "expires_at": 2 * 86400.0,
           "tenant": "default", "kind": "machine", "owner": None, "actions": None, "fields": None}
    (row,) = rows([], [key], ["money"], {}, 31.5 * 86400.0)

    assert tuple(row) == COLUMNS
    assert ("30", "expired", "money", "1") == (row["unused_days"], row["state"], row["tiers"], row["routes"])
