"""`voiceguard replay`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.analysis.calls import short_set
from tests.cli.commands import POLICY, SAMPLES, mistake, run


def test_replays_a_call_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Says what came of it and where the report lies; a second time there is nothing to do."""
    short_set(tmp_path, "08-too-little-speech", "04-synthetic-kokoro", seconds=10.0)
    report = tmp_path / "report"

    for _ in range(2):
        assert 0 == run("replay", tmp_path, "--report", report, "--policy", POLICY, "--jobs", 1)
        head, policy, *drift, path = capsys.readouterr().out.splitlines()
        assert head.startswith("2 calls, 0.01 h of audio, 0 with errors, in ")
        assert policy.startswith("default: 0 of 1 frauds missed; of 1,000 genuine calls 1000 asked for a code, 0 h")
        assert [] == drift
        assert str(report / "report.html") == path
    assert {"calls.csv", "metrics.json", "report.html", "scores.tsv", "key.tsv", "tables", "work"} == {
        path.name for path in report.iterdir()
    }


def test_a_killed_replay_goes_on(tmp_path: Path) -> None:
    """Killed with its workers, and asked for again: what was done is not done again, and the report is the same."""
    *names, last = sorted(path.stem for path in SAMPLES.glob("0[1-6]*.wav"))
    short_set(tmp_path, *names, last, seconds=10.0)
    audio = tmp_path / f"{last}.wav"
    short, rate = soundfile.read(audio)
    soundfile.write(audio, np.tile(short, (120, 1)), rate, subtype="ULAW")  # 20 minutes: not done before the others
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "voiceguard", "replay", str(tmp_path), "--jobs", "2", "--report"]
    with subprocess.Popen([*command, str(killed)], start_new_session=True, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and len(_results(killed)) < len(names):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    made = _results(killed)
    soundfile.write(audio, short, rate, subtype="ULAW")

    assert 0 == run("replay", tmp_path, "--report", killed, "--jobs", 1)
    assert 0 == run("replay", tmp_path, "--report", whole, "--jobs", 1)
    assert (len(names), len(names) + 1) == (len(made), len(_results(killed)))
    assert _results(killed).keys() == _results(whole).keys()
    assert made.items() <= _results(killed).items()
    for name in ("metrics.json", "calls.csv", "scores.tsv", "key.tsv"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()


def _results(report: Path) -> dict[str, int]:
    """Names of kept results and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in (report / "work").glob("*.json")}


@pytest.mark.parametrize("arguments", [("--jobs", "0"), ("--jobs", "x"), ("--engine", "abacus"), ("--budget", "-1")])
def test_impossible_wishes(arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Are refused before anything is read."""
    assert 2 == run("replay", tmp_path, "--report", tmp_path / "report", *arguments)
    assert arguments[0] in capsys.readouterr().err


def test_a_missing_set_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And no folder is made."""
    assert 2 == run("replay", tmp_path / "none", "--report", tmp_path / "report")
    assert "voiceguard: none: No such file or directory" == mistake(capsys)
    assert not (tmp_path / "report").exists()


def test_without_the_extra_it_is_named(tmp_path: Path) -> None:
    """In a Python that has none of its packages."""
    blocked = "import importlib.util as u, sys; f = u.find_spec; " \
        "u.find_spec = lambda name, *a: None if name in {'jinja2', 'duckdb', 'librosa', 'tqdm'} else f(name, *a); " \
        "from voiceguard.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", blocked, "replay", str(tmp_path), "--report", str(tmp_path / "r")],
        capture_output=True, text=True, check=False,
    )

    assert (2, "") == (done.returncode, done.stdout)
    assert "extra analysis: pip install 'voiceguard-callguard[analysis]'" in done.stderr


def test_builds_imports_and_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A set out of a recipe, a set out of a folder, and the figures of a score file that somebody else made."""
    for name in ("bonafide/ann", "bonafide/bob"):
        (tmp_path / name).mkdir(parents=True)
        soundfile.write(tmp_path / name / "1.wav", np.sin(np.arange(8000)) / 3, 8000)
    (tmp_path / "v.csv").write_text(
        "path,speaker,label,system,source\nbonafide/ann/1.wav,ann,bonafide,,a\nbonafide/bob/1.wav,bob,bonafide,,b\n"
    )
    (tmp_path / "r.toml").write_text(
        'seed = 1\nvoices = "v.csv"\n[[calls]]\nname = "c"\ncount = 2\nlabel = "genuine"\nturns = 1\n'
    )
    (tmp_path / "s.tsv").write_text("filename\tcm-score\na\t1.0\nb\t-1.0\n")
    (tmp_path / "k.tsv").write_text("filename\tcm-label\na\tbonafide\nb\tspoof\n")

    assert 0 == run("callset", "build", tmp_path / "r.toml", "--out", tmp_path / "built")
    assert 2 == run("callset", "import", tmp_path / "bonafide", "--out", tmp_path / "none")
    captured = capsys.readouterr()
    assert f"2 calls in {tmp_path / 'built' / 'calls.jsonl'}" in captured.out and "lies in no folder" in captured.err
    (tmp_path / "in").mkdir()
    (tmp_path / "bonafide").rename(tmp_path / "in" / "bonafide")
    assert 0 == run("callset", "import", tmp_path / "in", "--out", tmp_path / "brought", "--action", "payment")
    assert 0 == run("callset", "measure", "--scores", tmp_path / "s.tsv", "--key", tmp_path / "k.tsv")
    brought, figures = capsys.readouterr().out.splitlines()
    assert f"2 calls in {tmp_path / 'brought' / 'calls.jsonl'}" == brought
    assert 0.0 == json.loads(figures)["eer"]


@pytest.mark.parametrize(("alert", "code"), [((), 1), (("--alert", "0.5"), 0), (("--alert", "0.05"), 1)])
def test_drift_answers_with_its_exit_code(
    alert: tuple[str, ...], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the report's threshold on, or another; too few windows are no alarm."""
    counts = {"score": [60] * 10, "tilt_db": [1] * 10}
    drift = {"alert_at": 0.25, "index": {"score": 0.3, "tilt_db": None}, "counts": counts}
    (tmp_path / "metrics.json").write_text(json.dumps({"drift": drift}))

    assert code == run("drift", tmp_path, *alert)
    score, tilt = capsys.readouterr().out.splitlines()
    assert score.split() == ["score", "0.300", "600", "windows", *(["<-"] if code else [])]
    assert tilt.split() == ["tilt_db", "under", "500", "windows", "10", "windows"]


@pytest.mark.parametrize("text", [
    "", "{}", '{"drift": 1}', '{"drift": {"index": {"a": 1}, "counts": {}, "alert_at": 1}}',
])
def test_drift_of_what_is_no_report(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is a mistake."""
    (tmp_path / "metrics.json").write_text(text)

    assert 2 == run("drift", tmp_path)
    assert "metrics.json: this is not what replay writes" in mistake(capsys)


def test_reviewed_calls_become_a_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a store without verdicts there is an empty one."""
    assert 0 == run("customers", "add", "customer-1")
    assert 0 == run("callset", "reviewed", "--out", tmp_path / "set", "--since", "2026-01-01")
    assert f"0 calls in {tmp_path / 'set' / 'calls.jsonl'}" == capsys.readouterr().out.strip()
    assert b"" == (tmp_path / "set" / "calls.jsonl").read_bytes()
