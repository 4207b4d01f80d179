"""The commands of data protection."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from voiceguard.cli import main


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    said = capsys.readouterr()
    return exit_.value.code, said.out, said.err


def test_dataflow_prints_the_map_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """[contract] `fields` with their nine names."""
    code, out, _ = _run(capsys, "dataflow")

    fields = json.loads(out)["fields"]
    assert 0 == code
    assert {"name", "where", "class", "purpose", "basis", "rests", "seen_by", "leaves", "retention"} == set(fields[0])


def test_dataflow_diff_with_itself_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The same map differs in nothing; one less field is told and is exit code 1."""
    whole = json.loads(_run(capsys, "dataflow")[1])
    (tmp_path / "same.json").write_text(json.dumps(whole))
    (tmp_path / "less.json").write_text(json.dumps({"fields": whole["fields"][1:]}))

    assert (0, "nothing differs\n", "") == _run(capsys, "dataflow", "--diff", str(tmp_path / "same.json"))
    assert (1, "+ event CallStarted: call_id (personal)\n", "") == _run(
        capsys, "dataflow", "--diff", str(tmp_path / "less.json")
    )


def test_dataflow_diff_with_another_file_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What is no map is a mistake of whoever names it."""
    (tmp_path / "other.json").write_text("[1, 2")

    code, _, err = _run(capsys, "dataflow", "--diff", str(tmp_path / "other.json"))

    assert (2, 1) == (code, err.count("\n"))
    assert "data-flow map" in err
