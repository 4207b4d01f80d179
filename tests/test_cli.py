"""The command line: what each command prints, writes and answers, and that a mistake is one line and exit code 2."""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyotp import parse_uri

from voiceguard.adapters.keys import Keys
from voiceguard.adapters.store import Store
from voiceguard.cli import main
from voiceguard.events import Band, Evidence, Risk, RiskState
from voiceguard.server.messages import risk_body

ROOT = Path(__file__).parents[1]
POLICY = ROOT / "policies" / "default.yaml"
SAMPLES = ROOT / "samples"


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEGUARD_DATA_DIR", str(tmp_path / "data"))


def run(*arguments: object) -> int:
    """Run a command; its exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def mistake(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr that says what is wrong."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("voiceguard: ")
    return line


# ── policy ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_shipped_policy_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    """The check finds nothing in it, and names its version and hash."""
    assert 0 == run("policy", "check", POLICY)
    assert "0 errors, 0 warnings" in capsys.readouterr().out


def test_dangerous_policy_fails_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule that can allow at a high risk is named with its place, and the answer is no."""
    text = POLICY.read_text(encoding="utf-8").replace("when: risk.band == 'high'", "when: risk.band == 'higher'", 1)
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")

    assert 1 == run("policy", "check", tmp_path / "p.yaml")
    finding, *_, summary = capsys.readouterr().out.splitlines()
    assert ["error", "allows_at_high_risk"] == finding.split()[:2]
    assert finding.split()[2].startswith("tiers.")
    assert "0 errors" not in summary


def test_warnings_alone_pass_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tier that no action has is worth a look and no more."""
    text = POLICY.read_text(encoding="utf-8").replace(": entitlement\n", ": money\n")
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")

    assert 0 == run("policy", "check", tmp_path / "p.yaml")
    finding, summary = capsys.readouterr().out.splitlines()
    assert ["warning", "unused_tier", "tiers.entitlement:"] == finding.split()[:3]
    assert summary.endswith("0 errors, 1 warnings")


def explained(folder: Path, **asked: Any) -> int:
    """Put a question to the shipped policy."""
    (folder / "c.json").write_text(json.dumps(asked), encoding="utf-8")
    return run("policy", "explain", POLICY, "--call", folder / "c.json")


KNOWN = {"customer_known": True, "consent": True}
LOW = risk_body(
    "c", Risk(30.0, 12.0, 2, Band.LOW, RiskState.OK, (Evidence("synthetic_voice", -0.3, 2.0, -0.6, 9),)),
    {"synthetic": "synthetic-stream@0123456789ab"}, "0123456789ab",
)
"""A `risk` message as the service sends it."""


@pytest.mark.parametrize(("asked", "answer"), [
    ({"action": "balance_enquiry"}, "balance_enquiry (information): allow, by rule open"),
    ({"action": "refund"}, "refund (money): deny, by rule customer_missing"),
    ({"action": "refund", **KNOWN}, "refund (money): step_up, by rule code_needed"),
    ({"action": "refund", **KNOWN, "risk": LOW, "assurance": ["otp"]},
     "refund (money): allow, by rule code_and_low_risk"),
    ({"action": "refund", **KNOWN, "risk": LOW | {"band": "high"}}, "refund (money): handover, by rule high_risk"),
    ({"action": "password_reset", **KNOWN, "locked": True},
     "password_reset (credentials): deny, by rule customer_locked"),
    ({"action": "nothing"}, "nothing (unknown): deny, by rule unknown_action"),
])
def test_explains_a_decision(asked: Any, answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which rule decides, for a call that a file describes; what the file leaves out is unknown."""
    assert 0 == explained(tmp_path, **asked)
    assert answer == capsys.readouterr().out.splitlines()[0]


def test_explains_every_rule_it_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reasons, and each rule up to the one that matched."""
    explained(tmp_path, action="account_recovery", injection=True, **KNOWN)
    lines = capsys.readouterr().out.splitlines()

    assert "  prompt_injection: Somebody on the call dictated instructions to the system." in lines
    assert lines[-1] == "matched      code_needed: true"
    assert {"not matched"} == {line[:12].rstrip() for line in lines[1:-1] if not line.startswith("  ")}


def test_explains_a_rule_that_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rule at fault, what went wrong in it, and that a person decides."""
    text = POLICY.read_text(encoding="utf-8").replace("when: risk.band == 'high'", "when: parameters.amount > 5")
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "c.json").write_text(json.dumps({"action": "refund", **KNOWN}), encoding="utf-8")

    assert 0 == run("policy", "explain", tmp_path / "p.yaml", "--call", tmp_path / "c.json")
    lines = capsys.readouterr().out.splitlines()
    assert "refund (money): handover, by rule high_risk" == lines[0]
    assert lines[-1].startswith("fault        high_risk: parameters.amount > 5 (")


@pytest.mark.parametrize(("asked", "place"), [
    ({"action": 3}, "c.json: action:"), ({}, "c.json: action:"), ({"action": "refund", "otp": 1}, "c.json: otp:"),
    ({"action": "refund", "risk": {"band": "huge"}}, "c.json: risk.band:"),
    ({"action": "refund", "risk": {"scor": 5}}, "c.json: risk.scor:"),
    ({"action": "refund", "risk": {"score": "5"}}, "c.json: risk.score:"),
    ({"action": "refund", "risk": {"score": 101}}, "c.json: risk.score:"),
    ({"action": "refund", "risk": {"net_speech_s": float("nan")}}, "c.json: risk.net_speech_s:"),
    ({"action": "refund", "risk": {"evidence": [LOW["evidence"][0] | {"llr": float("inf")}]}},
     "c.json: risk.evidence.0.llr:"),
    ({"action": "refund", "risk": {"evidence": [LOW["evidence"][0] | {"x": 1}]}}, "c.json: risk.evidence.0.x:"),
    ({"action": "refund", "assurance": ["hunch"]}, "c.json: assurance.0:"),
    ({"action": "refund", "consent": "yes"}, "c.json: consent:"),
    ({"action": "refund", "locked": 1}, "c.json: locked:"),
    ({"action": "refund", "parameters": {"amount": 5}}, "c.json: parameters.amount:"),
    ({"action": "refund", "a\nb\x1b": 1}, r"c.json: a\nb\x1b:"),
])
def test_wrong_question_names_its_place(
    asked: Any, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr that says where."""
    assert 2 == explained(tmp_path, **asked)
    assert place in mistake(capsys)


@pytest.mark.parametrize("text", [
    b"", b"[]", b'{"action": "refund"', b'{"action": "\xff"}', b"[" * 100_000, b'{"action": ' + b"9" * 100_000 + b"}",
])
def test_what_is_no_question_names_its_file(text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Cut off, of another kind, no UTF-8, too deep or too large."""
    (tmp_path / "c.json").write_bytes(text)

    assert 2 == run("policy", "explain", POLICY, "--call", tmp_path / "c.json")
    assert "c.json: " in mistake(capsys)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["action", "risk", "score", "band", "evidence", "parameters", "assurance", "x"]), inner,
        max_size=4,
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_question_ends_in_a_traceback(tmp_path: Path, asked: bytes) -> None:
    """Any bytes are a question or a mistake."""
    (tmp_path / "c.json").write_bytes(asked)

    assert run("policy", "explain", POLICY, "--call", tmp_path / "c.json") in (0, 2)


# ── models, keys, customers, audit ───────────────────────────────────────────────────────────────────────────────────


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
    assert ["platform", "actions", "stream"] == listed.split()
    assert key not in listed
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
            await store.append("call-1", [
                {"kind": "started", "at": 1.0, "call_id": "call-1", "customer_ref": None},
                {"kind": "media", "at": 2.0, "note": "gap"},
                {"kind": "ended", "at": 3.0, "reason": "stopped"},
            ])
            await store.checkpoint(keys.sign, 4.0)

    asyncio.run(record())
    assert 0 == run("audit", "verify")
    with closing(sqlite3.connect(data / "voiceguard.db")) as connection:
        connection.execute("UPDATE audit_events SET record = replace(record, 'gap', 'map') WHERE seq = 1")
        connection.commit()
    assert 1 == run("audit", "verify")
    assert "call-1 1: changed" in capsys.readouterr().out


# ── recordings ───────────────────────────────────────────────────────────────────────────────────────────────────────


def rows(path: Path) -> list[dict[str, str]]:
    """A table that was written."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def callers(folder: Path, *calls: str) -> None:
    """The caller's side alone of these sample calls."""
    for name in calls:
        samples, rate = soundfile.read(SAMPLES / f"{name}.wav")
        soundfile.write(folder / f"{name}.flac", samples[:, 0], rate)


def test_scores_every_row_of_a_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One row for each input, in order; what cannot be read gets an error text."""
    callers(tmp_path, "05-synthetic-piper", "01-balance")
    (tmp_path / "noise.wav").write_bytes(b"this is not audio")
    manifest = tmp_path / "m.csv"
    manifest.write_text(f"path\n05-synthetic-piper.flac\nmissing.wav\nnoise.wav\n{tmp_path / '01-balance.flac'}\n")

    assert 0 == run(
        "score", "synthetic", "--manifest", manifest, "--out", tmp_path / "s.csv", "--max-speech", 4, "--json"
    )

    written = rows(tmp_path / "s.csv")
    assert ["path", "net_speech_s", "llr", "p_synthetic", "first_decision_s", "decision", "error"] == list(written[0])
    assert [True, False, False, True] == [row["error"] == "" for row in written]
    assert ["05-synthetic-piper.flac", "missing.wav", "noise.wav"] == [row["path"] for row in written[:3]]
    assert float(written[0]["llr"]) > 0 > float(written[3]["llr"])
    assert all(float(row["net_speech_s"]) <= 4.0 for row in (written[0], written[3]))
    assert {"rows": 4, "errors": 2, "channel": "pcmu"}.items() <= json.loads(capsys.readouterr().out).items()


def test_scores_trials(tmp_path: Path) -> None:
    """The same voice speaks for itself, two voices against."""
    callers(tmp_path, "02-recovery", "03-wrong-codes", "10-injected-instruction")
    enrol = "02-recovery.flac"
    (tmp_path / "t.csv").write_text(
        f"enrol,test\n{enrol},03-wrong-codes.flac\n{enrol},10-injected-instruction.flac\n"
        f"missing.wav;{enrol},03-wrong-codes.flac\n"
    )

    assert 0 == run("score", "speakers", "--trials", tmp_path / "t.csv", "--out", tmp_path / "s.csv")
    same, other, missing = rows(tmp_path / "s.csv")
    assert ["enrol", "test", "llr", "cosine", "error"] == list(same)
    assert float(same["llr"]) > 0 > float(other["llr"])
    assert (f"missing.wav;{enrol}", "", True) == (missing["enrol"], missing["llr"], missing["error"] != "")


def test_manifest_without_its_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The missing column is named."""
    (tmp_path / "m.csv").write_text("file\nx.wav\n")

    assert 2 == run("score", "synthetic", "--manifest", tmp_path / "m.csv", "--out", tmp_path / "s.csv")
    assert "m.csv: has no column path" in mistake(capsys)


# ── mistakes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("arguments", "words"), [
    (("serve", "--workers", "2"), "--workers"),
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
    assert 0 == run("keys", "list", "--config", config)
    monkeypatch.delenv("VOICEGUARD_DATA_DIR")
    assert 0 == run("keys", "list", "--config", config)
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
