"""`voiceguard config`: origins of values, secrets hidden, one line a fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import mistake, run


def test_show_names_each_origin_and_hides_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "voiceguard.toml"
    file.write_text('max_calls = 7\notp_webhook_secret = "geheim"\n[risk]\nprior = 0.02\nhigh = 0.2\n')
    monkeypatch.setenv("VOICEGUARD_RISK__PRIOR", "0.03")
    monkeypatch.setenv("VOICEGUARD_DATABASE_URL", "postgresql+asyncpg://user:geheim@host/db")
    monkeypatch.setenv("VOICEGUARD_TWILIO__SHARED_KEYS__K1", "geheim")

    assert 0 == run("config", "show", "--config", file, "--json")
    printed = capsys.readouterr().out
    shown = {row["setting"]: (row["value"], row["origin"]) for row in json.loads(printed)}
    assert (7, "file") == shown["max_calls"]
    assert (0.2, "file") == shown["risk.high"]
    assert (0.03, "environment") == shown["risk.prior"]
    assert (8765, "default") == shown["port"]
    assert ("********", "file") == shown["otp_webhook_secret"]
    assert ("postgresql+asyncpg://********@host/db", "environment") == shown["database_url"]
    assert ({"k1": "********"}, "environment") == shown["twilio.shared_keys"]
    assert "geheim" not in printed


def test_check_prints_one_line_a_fault_and_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "voiceguard.toml"
    file.write_text("prt = 1\nmax_calls = 0\n")
    monkeypatch.setenv("VOICEGUARD_PUBLIC_ORIGIN", "voice.example.com")
    monkeypatch.setenv("VOICEGUARD_STALLS", "hunter2")

    assert 1 == run("config", "check", "--config", file)
    lines = capsys.readouterr().out.splitlines()
    assert ["VOICEGUARD_STALLS", "max_calls", "prt", "public_origin"] == sorted(
        line.replace(":", "").split()[0] for line in lines
    )
    assert "hunter2" not in "".join(lines)


@pytest.mark.parametrize(("name", "value", "words"), [
    ("PRIOR", "2", "risk.prior must lie between 0 and 1"), ("HIGH", "0", "risk.high must lie between 0 and 1"),
    ("ELEVATED", "0.5", "risk.elevated must lie above 0 and not above risk.high"),
    ("SYNTHETIC_WORTH", "-1", "risk.synthetic_worth must be above 0"), ("UNDECIDED", "nan", "risk.undecided"),
])
def test_impossible_risk_is_a_fault_and_stops_the_start(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"VOICEGUARD_RISK__{name}", value)
    assert 1 == run("config", "check")
    assert words in capsys.readouterr().out
    assert 2 == run("serve")
    assert words in mistake(capsys)


def test_check_of_sound_settings_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run("config", "check")
    assert "" == capsys.readouterr().out


def test_misspelt_variable_stops_every_command_that_reads_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VOICEGUARD_PRT", "19100")
    assert 2 == run("serve")
    assert "did you mean VOICEGUARD_PORT?" in mistake(capsys)


def test_schema_is_json_that_knows_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run("config", "schema")
    schema = json.loads(capsys.readouterr().out)
    assert {"port", "risk", "redis_url"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False
