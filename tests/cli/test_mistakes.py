"""A mistake is one line and exit code 2."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import ROOT, mistake, run


@pytest.mark.parametrize(("keys", "place"), [
    ('[{"api_key": "hunter2", "client_secret": "not base64!"}]', "audiohook.keys.0.client_secret: "),
    ('{"hunter2": "c2VjcmV0"}', "audiohook.keys: "),
])
def test_wrong_secret_is_not_repeated(monkeypatch: Any, capsys: Any, keys: str, place: str) -> None:
    """Neither a key nor a secret is told, only where it stands."""
    monkeypatch.setenv("VOICEGUARD_AUDIOHOOK__KEYS", keys)

    assert 2 == run("keys", "list")
    error = mistake(capsys)
    assert place in error
    assert not {"hunter2", "not base64!"} & {*error.replace('"', " ").split()}


@pytest.mark.parametrize(("arguments", "words"), [
    (("serve", "--workers", "2"), "VOICEGUARD_REDIS_URL"),
    (("serve", "--config", "missing.toml"), "missing.toml"),
    (("policy", "check", "missing.yaml"), "missing.yaml"),
    (("demo", "--callset", "missing"), "missing"),
])
def test_mistake_is_one_line(arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong, on one line of stderr."""
    assert 2 == run(*arguments)
    assert words in mistake(capsys)


def test_port_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """The system would take it modulo 65536 and listen elsewhere."""
    assert 2 == run("serve", "--port", 99999, "--workers", 2)
    assert "--port" in capsys.readouterr().err


def test_wrong_setting_is_named_without_its_value(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A setting may hold a secret: only its name is told."""
    monkeypatch.setenv("VOICEGUARD_PORT", "hunter2")

    assert 2 == run("keys", "list")
    error = mistake(capsys)
    assert "setting port: " in error
    assert "hunter2" not in error


def test_settings_come_from_file_and_environment(tmp_path: Path, monkeypatch: Any) -> None:
    """The environment wins over the file."""
    config = tmp_path / "c.toml"
    config.write_text(f'data_dir = "{tmp_path / "from-file"}"\n')
    create = ("keys", "create", "platform", "--scope", "stream", "--config", config)
    assert 0 == run(*create)
    monkeypatch.delenv("VOICEGUARD_DATA_DIR")
    assert 0 == run(*create)
    assert (tmp_path / "data").is_dir()
    assert (tmp_path / "from-file").is_dir()


@pytest.mark.parametrize(("text", "words"), [
    (b"data_folder = 'x'", "setting data_folder: "), (b'"a\\nb" = 1', r"setting a\nb: "), (b"port = [", "c.toml: "),
    (b"port = '\xff'", "c.toml: "), (b"port = " + b"[" * 20_000, "c.toml: "),
])
def test_wrong_file_of_settings(
    text: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The name that is unknown, or the file that is no TOML."""
    (tmp_path / "c.toml").write_bytes(text)

    assert 2 == run("keys", "list", "--config", tmp_path / "c.toml")
    assert words in mistake(capsys)


def test_module_runs() -> None:
    """`python -m voiceguard` is the same program, and quick to help."""
    done = subprocess.run([sys.executable, "-m", "voiceguard", "--help"], capture_output=True, text=True, check=True)

    for name in ("serve", "demo", "score", "policy", "audit", "models", "keys", "customers", "loadtest"):
        assert name in done.stdout


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the package that is installed."""
    assert 0 == run("--version")
    assert f"voiceguard {version('voiceguard-callguard')}\n" == capsys.readouterr().out


def test_reader_that_has_enough_is_no_fault(tmp_path: Path) -> None:
    """As with `| head -1`: nothing on stderr, and the exit status of a broken pipe."""
    command = f"{sys.executable} -m voiceguard dataflow | head -c 10 > /dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, check=True)  # noqa: S603, S607

    assert ("141\n", "") == (done.stdout, done.stderr)


def test_data_folder_that_no_url_can_name_is_refused(
    tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The database would lie in another place than the keys."""
    monkeypatch.setenv("VOICEGUARD_DATA_DIR", str(tmp_path / "a?b"))

    assert 2 == run("customers", "add", "customer-1")
    assert "data_dir: " in mistake(capsys)
    assert [] == list(tmp_path.iterdir())
