"""`voiceguard score` on files."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
import soundfile

from tests.cli.commands import SAMPLES, mistake, run


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

    assert 1 == run(
        "score", "synthetic", "--manifest", manifest, "--out", tmp_path / "s.csv", "--max-speech", 4, "--json"
    )

    written = rows(tmp_path / "s.csv")
    assert ["path", "net_speech_s", "llr", "p_synthetic", "first_decision_s", "decision", "error"] == list(written[0])
    assert [True, False, False, True] == [row["error"] == "" for row in written]
    assert ["05-synthetic-piper.flac", "missing.wav", "noise.wav"] == [row["path"] for row in written[:3]]
    assert float(written[0]["llr"]) > 0 > float(written[3]["llr"])
    assert all(float(row["net_speech_s"]) <= 4.0 for row in (written[0], written[3]))
    said = capsys.readouterr()
    assert {"rows": 4, "errors": 2, "channel": "pcmu"}.items() <= json.loads(said.out).items()
    assert ["missing.wav", "noise.wav", "2 of 4 rows"] == [
        line.removeprefix("voiceguard: ")[:len(name)]
        for line, name in zip(said.err.splitlines(), ("missing.wav", "noise.wav", "2 of 4 rows"), strict=True)
    ]


def test_score_of_two_channels_takes_the_named_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By a column, or an option for all; without either the row has no score."""
    shutil.copy(SAMPLES / "01-balance.wav", tmp_path / "a.wav")
    callers(tmp_path, "01-balance")
    words = "score", "synthetic", "--manifest", tmp_path / "m.csv", "--out", tmp_path / "s.csv", "--max-speech", 2
    (tmp_path / "m.csv").write_text("path,side\na.wav,\na.wav,left\na.wav,middle\n01-balance.flac,\n")

    assert 1 == run(*words)
    refused, left, wrong, caller = rows(tmp_path / "s.csv")
    assert "has 2 channels" in refused["error"] and refused["llr"] == "" and "side is not" in wrong["error"]
    assert left["llr"] == caller["llr"] != ""
    (tmp_path / "m.csv").write_text("path\na.wav\n")
    assert 0 == run(*words, "--side", "left")
    assert left["llr"] == rows(tmp_path / "s.csv")[0]["llr"]


def test_score_tells_of_clipped_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are scored, and it is said that the score may be wrong."""
    samples, rate = soundfile.read(SAMPLES / "08-too-little-speech.wav")
    soundfile.write(tmp_path / "a.wav", (40 * samples[:, 0]).clip(-1, 1), rate)
    (tmp_path / "m.csv").write_text("path\na.wav\n")

    assert 0 == run("score", "synthetic", "--manifest", tmp_path / "m.csv", "--out", tmp_path / "s.csv", "--json")
    said = capsys.readouterr()
    assert ["a.wav"] == json.loads(said.out)["clipped"]
    assert "a.wav: is clipped" in said.err


def test_scores_trials(tmp_path: Path) -> None:
    """The same voice speaks for itself, two voices against."""
    callers(tmp_path, "02-recovery", "03-wrong-codes", "05-synthetic-piper")
    enrol = "02-recovery.flac"
    (tmp_path / "t.csv").write_text(
        f"enrol,test\n{enrol},03-wrong-codes.flac\n{enrol},05-synthetic-piper.flac\n"
        f"missing.wav;{enrol},03-wrong-codes.flac\n"
    )

    assert 1 == run("score", "speakers", "--trials", tmp_path / "t.csv", "--out", tmp_path / "s.csv")
    same, other, missing = rows(tmp_path / "s.csv")
    assert ["enrol", "test", "llr", "cosine", "error"] == list(same)
    assert float(same["llr"]) > 0 > float(other["llr"])
    assert (f"missing.wav;{enrol}", "", True) == (missing["enrol"], missing["llr"], missing["error"] != "")


def test_manifest_without_its_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The missing column is named."""
    (tmp_path / "m.csv").write_text("file\nx.wav\n")

    assert 2 == run("score", "synthetic", "--manifest", tmp_path / "m.csv", "--out", tmp_path / "s.csv")
    assert "m.csv: has no column path" in mistake(capsys)


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal(), True), (io.StringIO(), False)])
def test_score_counts_files_on_a_terminal_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, shown: bool
) -> None:
    """Progress is for people: a log file gets none."""
    callers(tmp_path, "08-too-little-speech")
    (tmp_path / "t.csv").write_text("enrol,test\n08-too-little-speech.flac,missing.wav\n")
    monkeypatch.setattr("sys.stderr", stream)

    assert 1 == run("score", "speakers", "--trials", tmp_path / "t.csv", "--out", tmp_path / "s.csv")
    assert shown == ("2/2" in stream.getvalue())
