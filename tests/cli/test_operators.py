"""`voiceguard models`, `keys`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import ROOT, mistake, run


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
    assert 0 == run("keys", "list", "--json")
    assert {"name": "platform", "scopes": ["actions", "stream"]}.items() <= json.loads(capsys.readouterr().out).items()
    assert 0 == run("keys", "rotate", "platform", "--grace", "1")
    assert key != capsys.readouterr().out.strip()
    assert 1 == run("keys", "rotate", "nobody")
    assert 0 == run("keys", "revoke", "platform")
    capsys.readouterr()
    assert 1 == run("keys", "revoke", "platform")
    assert "there is no key platform" in mistake(capsys)
    assert 0 == run("keys", "list")
    assert "" == capsys.readouterr().out


def test_keys_create_expires_is_told_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """In days or hours; anything else is a mistake."""
    assert 0 == run("keys", "create", "platform", "--scope", "stream", "--expires", "90d")
    assert 0 == run("keys", "create", "desk", "--scope", "live", "--expires", "12h")
    capsys.readouterr()
    assert 0 == run("keys", "list")
    lines = capsys.readouterr().out.splitlines()
    assert 2 == len(lines) and all(", expires 20" in line for line in lines)
    for wrong in ("90", "0d", "-1d", "soon"):
        assert 2 == run("keys", "create", "other", "--scope", "stream", f"--expires={wrong}")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 129])
def test_names_are_short_and_printable(name: str) -> None:
    """What later stands in lists and records is one line."""
    assert 2 == run("keys", "create", name, "--scope", "stream")
