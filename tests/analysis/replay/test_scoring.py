"""Recordings to tables, with scripted models."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.server.serving import Voice
from voiceguard.analysis.replay.scoring import (
    SYNTHETIC_COLUMNS,
    FileScorer,
    file_in,
    files_in,
    files_of,
    hear_files,
    score_table,
    score_trials,
    write_table,
)
from voiceguard.errors import AudioFileError, ModelError
from voiceguard.events import Samples
from voiceguard.settings import Settings

SPEECH = Path(__file__).parents[3] / "samples" / "02-recovery.wav"


@pytest.fixture(scope="module")
def mono(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genuine caller alone, 11 s of net speech and more."""
    path = tmp_path_factory.mktemp("audio") / "caller.flac"
    soundfile.write(path, soundfile.read(SPEECH)[0][:, 0], 8000)
    return path


def scorer(llr: float = 1.0, max_speech_s: float = math.inf, **scorers: Any) -> FileScorer:
    """Files by models that say this of every window."""
    detectors = Voice(llr).detectors()
    answers: dict[Any, Any] = {**detectors.scorers, **scorers}
    return FileScorer(Settings(), replace(detectors, scorers=answers), "pcmu", max_speech_s)


def test_evidence_is_tempered_as_in_a_call(mono: Path) -> None:
    """Four seconds at 1 nat a window: worth 2, memory 6 s; decided with the first window, at 2 s."""
    row = scorer(max_speech_s=4.0).synthetic(mono)
    llr = 2.0 * (1.0 - math.exp(-4.0 / 6.0))

    assert (4.0, round(llr, 4), round(1.0 / (1.0 + math.exp(-llr)), 4)) == (
        row["net_speech_s"], row["llr"], row["p_synthetic"]
    )
    assert (2.0, "synthetic") == (row["first_decision_s"], row["decision"])


@pytest.mark.parametrize(("llr", "decision"), [(2.0, "synthetic"), (-2.0, "bona_fide"), (0.1, "inconclusive")])
def test_decision_says_what_the_evidence_says(llr: float, decision: str, mono: Path) -> None:
    """Little evidence either way is no decision."""
    row = scorer(llr, 6.0).synthetic(mono)

    assert decision == row["decision"]
    assert (decision == "inconclusive") == (row["first_decision_s"] is None)


def test_too_little_speech_is_scored_and_not_decided(mono: Path) -> None:
    """A second of speech gets a number, for benchmarks, and no decision."""
    row = scorer(2.7, 1.0).synthetic(mono)

    assert (1.0, "insufficient_speech", None) == (row["net_speech_s"], row["decision"], row["first_decision_s"])
    assert row["llr"] > 0


def test_silence_has_no_number(tmp_path: Path) -> None:
    """Nothing was said, so nothing is known."""
    soundfile.write(tmp_path / "silence.wav", np.zeros(40_000), 8000)
    row = scorer().synthetic(tmp_path / "silence.wav")

    assert (0.0, None, None, "insufficient_speech") == (
        row["net_speech_s"], row["llr"], row["p_synthetic"], row["decision"]
    )
    with pytest.raises(AudioFileError, match="too little speech"):
        scorer().speakers([scorer().hear(tmp_path / "silence.wav")], scorer().hear(tmp_path / "silence.wav"))


def test_two_sides_of_one_voice(mono: Path) -> None:
    """The same embedding on both sides: cosine 1, and the calibration's evidence for one speaker."""
    heard = scorer().hear(mono)

    assert {"llr": 5.0, "cosine": 1.0} == scorer().speakers([heard, heard], heard)


def test_trials_that_share_files_hear_each_file_once(mono: Path, tmp_path: Path) -> None:
    """Three trials of one file and of one that is missing: the encoder runs once a piece, and `done` once a file."""
    pieces: list[Samples] = []

    def embeds(windows: Sequence[Samples]) -> NDArray[np.float32]:
        pieces.extend(windows)
        return np.ones((len(windows), 192), np.float32)

    counting, done = scorer(speaker_embedding=embeds), []
    once = len(counting.hear(mono).outputs)
    pieces.clear()
    rows = [{"enrol": enrol, "test": str(mono)} for enrol in (str(mono), f"{mono};{mono}", "missing.wav", "a;;b")]
    told = hear_files(files_of(rows, tmp_path), counting, lambda: done.append(1))
    scored = list(score_trials(rows, tmp_path, told, counting))

    assert (once, 2) == (len(pieces), len(done))
    assert [True, True, False, False] == [row["error"] is None for row in scored]
    assert "names no file" == scored[3]["error"]
    assert scored[0]["llr"] > 0


def test_output_that_is_no_number_is_an_error(mono: Path) -> None:
    """A failing model gives no score."""
    def fails(windows: Sequence[Samples]) -> NDArray[np.float32]:
        return np.full((len(windows), 1), np.nan, np.float32)

    with pytest.raises(ModelError):
        scorer(synthetic_voice=fails).synthetic(mono)


def test_one_row_for_each_input_in_order() -> None:
    """Files that cannot be scored get a text, the others their figures, however long each takes."""
    def score(row: Any) -> dict[str, Any]:
        if row["path"] == "b":
            raise AudioFileError("is no audio")
        return {"llr": 1.0}

    scored = list(score_table([{"path": name, "note": "x"} for name in "abc"], ["path"], score))
    assert [
        {"path": "a", "llr": 1.0, "error": None}, {"path": "b", "error": "is no audio"},
        {"path": "c", "llr": 1.0, "error": None},
    ] == scored


def test_written_table_reads_back(tmp_path: Path) -> None:
    """Columns in their order, and nothing where there is nothing."""
    write_table(tmp_path / "s.csv", SYNTHETIC_COLUMNS, [{"path": "a,b", "error": "no\nline"}])

    with (tmp_path / "s.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(SYNTHETIC_COLUMNS) == list(row)
    assert ("a,b", "", "no\nline") == (row["path"], row["llr"], row["error"])


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000, "."])
def test_path_that_names_no_file_is_an_error(path: str, tmp_path: Path) -> None:
    """Whatever stands in the column, the other rows are scored."""
    with pytest.raises(AudioFileError):
        scorer().synthetic(tmp_path / path)


@pytest.mark.parametrize("cell", ["", " ", ";", "a.wav;;b.wav", ";a.wav"])
def test_an_empty_name_is_an_error(cell: str, tmp_path: Path) -> None:
    """The folder itself is not what was meant."""
    with pytest.raises(AudioFileError, match="names no file"):
        files_in(tmp_path, cell)


def test_names_are_joined_by_semicolons(tmp_path: Path) -> None:
    """Relative ones lie in the folder; one too many at the end does no harm; a single name may hold them."""
    joined = [tmp_path / "a.wav", Path("/b.wav")]

    assert joined == files_in(tmp_path, "a.wav;/b.wav") == files_in(tmp_path, "a.wav;/b.wav;")
    assert tmp_path / "a;b.wav" == file_in(tmp_path, "a;b.wav")
