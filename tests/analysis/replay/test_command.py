"""A whole replay: every file that it writes, the same whatever the number of workers."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import duckdb
import pytest

from tests.analysis.calls import short_set
from voiceguard.adapters.policy_files import DEFAULT_POLICY
from voiceguard.analysis import optional_imports
from voiceguard.analysis.replay.command import Wish, replay_callset
from voiceguard.errors import ConfigurationError
from voiceguard.settings import Settings


@pytest.fixture
def callset(tmp_path: Path) -> Path:
    """Three short calls, one of them broken."""
    folder = tmp_path / "March"
    folder.mkdir()
    short_set(folder, "01-balance", "04-synthetic-kokoro", "08-too-little-speech")
    (folder / "08-too-little-speech.wav").write_bytes(b"RIFF")
    return folder


def test_the_same_bytes_whatever_the_workers(callset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One process and two, and two policies beside one another; nothing is said where nobody watches."""
    draft = tmp_path / "draft.yaml"
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    draft.write_text(text.replace("when: risk.band == 'high'", 'when: "true"'), encoding="utf-8")
    folders = [tmp_path / "one", tmp_path / "two"]
    for jobs, folder in enumerate(folders, 1):
        replay_callset(Wish(callset, folder, (DEFAULT_POLICY, draft), jobs=jobs), Settings())

    for name in ("metrics.json", "calls.csv", "report.html"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    metrics = json.loads((folders[0] / "metrics.json").read_text(encoding="utf-8"))
    assert ["default", "draft"] == [one["name"] for one in metrics["policies"]]
    assert {"synthetic", "verify", "speaker"} == set(metrics["models"])
    assert [("handover", "account_recovery")] * len(metrics["what_if"][0]["changes"]) == [
        (one["after"], one["action"]) for one in metrics["what_if"][0]["changes"]
    ]
    with (folders[0] / "calls.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [False, False, True] * 2 == [bool(row["error"]) for row in rows]
    assert "March: replay" in (folders[0] / "report.html").read_text(encoding="utf-8")
    tables = {path.name for path in (folders[0] / "tables").iterdir()}
    assert {"calls.parquet", "risk.parquet", "decisions.parquet"} == tables
    counted = duckdb.sql(f"SELECT count(*) FROM '{folders[0]}/tables/calls.parquet'")
    assert counted is not None
    assert [(6,)] == counted.fetchall()
    assert ("", "") == tuple(capsys.readouterr())


@pytest.mark.parametrize(("wish", "error"), [
    ({"callset": Path("nowhere")}, "nowhere: No such file"),
    ({"policies": (Path("a/p.yaml"), Path("b/p.yaml"))}, "told apart by their files' names"),
    ({"policies": (Path("p.yaml"),)}, "policy p.yaml"),
])
def test_a_mistake_is_told_before_anything_is_made(
    wish: dict[str, object], error: str, callset: Path, tmp_path: Path
) -> None:
    """A wrong call set or policy."""
    with pytest.raises(ConfigurationError, match=error):
        replay_callset(Wish(**{"callset": callset, "folder": tmp_path / "report"} | wish), Settings())  # type: ignore[arg-type]
    assert not (tmp_path / "report").exists()


def test_an_empty_set_is_a_mistake(tmp_path: Path) -> None:
    """There would be nothing to report."""
    (tmp_path / "calls.jsonl").write_text("\n")

    with pytest.raises(ConfigurationError, match="holds no call"):
        replay_callset(Wish(tmp_path, tmp_path / "report"), Settings())


def test_without_its_extra_nothing_is_replayed(
    callset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than after an hour's work."""
    monkeypatch.setattr(optional_imports, "REPORT", ("no_such",))

    with pytest.raises(ConfigurationError, match=r"extra analysis"):
        replay_callset(Wish(callset, tmp_path / "report"), Settings())
    assert not (tmp_path / "report").exists()
