"""`voiceguard keys rotate signing|customer-data`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.commands import run


def test_own_keys_are_rotated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each says what to do next; their names are no API key's; the audit stays whole."""
    assert 0 == run("customers", "add", "customer-1", "--totp")
    assert 2 == run("keys", "create", "signing", "--scope", "stream")
    assert 2 == run("keys", "create", "customer-data", "--scope", "stream")
    assert 2 == run("keys", "rotate", "signing", "--rewrap")
    assert 2 == run("keys", "rotate", "platform", "--rewrap")
    assert 1 == run("keys", "rotate", "customer-data", "--remove-old")
    capsys.readouterr()

    assert 0 == run("keys", "rotate", "signing")
    assert "checkpoints always" in capsys.readouterr().out
    assert 0 == run("keys", "rotate", "customer-data")
    assert "2 in all" in capsys.readouterr().out
    assert 0 == run("keys", "rotate", "customer-data", "--rewrap")
    assert capsys.readouterr().out.startswith("1 values")
    assert 2 == run("keys", "rotate", "customer-data", "--remove-old")
    os.utime(tmp_path / "data" / "customer-data.key", (0, 0))
    assert 0 == run("keys", "rotate", "customer-data", "--remove-old")
    assert 0 == run("audit", "verify")
