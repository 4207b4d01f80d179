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


def test_retention_plan_names_every_kind_and_a_hold_is_added_and_released(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan changes nothing, the run says what it ended."""
    monkeypatch.setenv("VOICEGUARD_DATA_DIR", str(tmp_path))
    code, plan, _ = _run(capsys, "retention", "plan")
    hold_id = _run(capsys, "hold", "add", "--customer", "c-1", "--reason", "court", "--by", "leg")[1].strip()

    assert (0, True) == (code, "call" in plan and "400 days" in plan and "0 due, 0 held" in plan)
    assert (0, "nothing was due\n", "") == _run(capsys, "retention", "run")
    assert "c-1" in _run(capsys, "hold", "list")[1]
    assert [0, 1] == [_run(capsys, "hold", "release", hold_id)[0] for _ in range(2)]


def test_consent_is_recorded_listed_and_withdrawn(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's consent is one line and exit code 2."""
    monkeypatch.setenv("VOICEGUARD_DATA_DIR", str(tmp_path))
    given = _run(capsys, "consent", "record", "enrol", "--customer", "c-1", "--wording", "v3", "--by", "ann")
    (entry,) = _run(capsys, "consent", "list", "--customer", "c-1")[1].splitlines()
    withdrawn = _run(capsys, "consent", "withdraw", "enrol", "--customer", "c-1", "--reason", "asked", "--by", "ann")
    nobody = _run(capsys, "consent", "record", "enrol", "--wording", "v3")

    assert (0, json.loads(entry)["consent_id"]) == (given[0], given[1].strip())
    assert (0, 2, 1) == (withdrawn[0], nobody[0], nobody[2].count("\n"))
