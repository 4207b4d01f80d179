"""Files of ASVspoof and folders of recordings: what they become, and that mistakes name their place."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.analysis.calls import call
from voiceguard.analysis.callsets import asvspoof
from voiceguard.analysis.callsets.asvspoof import Entry, Score
from voiceguard.errors import ConfigurationError
from voiceguard.measures import metrics

LINES = {
    "2019 LA": ("LA_0079 LA_T_1138215 - - bonafide", Entry("LA_T_1138215", True, "LA_0079")),
    "2019 LA, spoof": ("LA_0069 LA_T_1000824 - A01 spoof", Entry("LA_T_1000824", False, "LA_0069", "A01")),
    "2021 LA key": (
        "LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval", Entry("LA_E_9332881", False, "LA_0009", "A07", "alaw")
    ),
    "2021 DF key": (
        "S_0023 X_E_1 nocodec asvspoof A14 spoof notrim progress traditional_vocoder - - - -",
        Entry("X_E_1", False, "S_0023", "A14", "nocodec"),
    ),
    "2021 DF key, genuine": (
        "S_0024 X_E_2 low_mp3 asvspoof bonafide bonafide notrim eval bonafide - - - -",
        Entry("X_E_2", True, "S_0024", "", "low_mp3"),
    ),
    "2021 PA key": ("S_0022 X_E_1 R6 M1 d4 r4 m1 s4 c4 spoof notrim hidden", Entry("X_E_1", False, "S_0022", "replay")),
    "5, phase 1": ("T_4850 T_0000000000 F AC3 A05 spoof", Entry("T_0000000000", False, "T_4850", "A05")),
    "5": ("T_4850 T_0000000000 F - - - AC3 A05 spoof -", Entry("T_0000000000", False, "T_4850", "A05")),
    "5, eval": (
        "E_1607 E_0009538969 M C05 2 0 - bonafide bonafide -", Entry("E_0009538969", True, "E_1607", "", "C05")
    ),
}


def _file(folder: Path, *lines: str) -> Path:
    (folder / "f.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder / "f.tsv"


@pytest.mark.parametrize(("line", "entry"), LINES.values(), ids=LINES.keys())
def test_lines_of_every_year(line: str, entry: Entry, tmp_path: Path) -> None:
    """Told apart by their number of columns."""
    assert [entry] == asvspoof.read_protocol(_file(tmp_path, line, ""))


@pytest.mark.parametrize("line", ["a b", "a b c d e", "LA_1 LA_2 - - maybe", "1 2 3 4 5 6 7 8 9 10 11"])
def test_other_lines_are_refused(line: str, tmp_path: Path) -> None:
    """With their number."""
    with pytest.raises(ConfigurationError, match=r"f\.tsv, line 2: this is no line"):
        asvspoof.read_protocol(_file(tmp_path, LINES["5"][0], line))


def test_protocol_line_that_comes_again_counts_once(tmp_path: Path) -> None:
    """And one that says something else of the same file is refused; a byte order mark is no speaker's name."""
    path = _file(tmp_path, "\ufeffLA_0039 X_E_1 - A11 spoof", "LA_0039 X_E_1 - A11 spoof")
    assert [Entry("X_E_1", False, "LA_0039", "A11")] == asvspoof.read_protocol(path)
    with pytest.raises(ConfigurationError, match=r"line 2: an earlier line says something else"):
        asvspoof.read_protocol(_file(tmp_path, "LA_0039 X_E_1 - A11 spoof", "LA_0039 X_E_1 - - bonafide"))


def test_score_files_have_the_published_form(tmp_path: Path) -> None:
    """Track 1 and track 2 of the evaluation package; its higher scores are our lower ones."""
    asvspoof.write_scores(tmp_path / "one", [Score("E_1", 1.5), Score("E_2", -2.0)])
    asvspoof.write_scores(tmp_path / "two", [Score("E_1", 1.5, "E_9", None, 0.25)])

    assert "filename\tcm-score\nE_1\t-1.500000\nE_2\t2.000000\n" == (tmp_path / "one").read_text()
    assert "spk\tfilename\tcm-score\tasv-score\tsasv-score\nE_9\tE_1\t-1.500000\t-\t0.250000\n" == (
        (tmp_path / "two").read_text()
    )
    assert [Score("E_1", 1.5, "E_9", None, 0.25)] == asvspoof.read_scores(tmp_path / "two")
    (tmp_path / "single").write_text("spk\tfilename\tcm-score\tasv-score\tsasv-score\nE_9\tE_1\t-\t-\t0.5\n")
    assert [Score("E_1", 0.0, "E_9", None, 0.5)] == asvspoof.read_scores(tmp_path / "single")


def test_keys_have_the_published_form(tmp_path: Path) -> None:
    """A call set of trials has a key of track 2, any other of track 1."""
    calls = [call("a"), call("b", "synthetic"), call("c", "takeover")]
    trials = [
        one.model_copy(update={"tags": {"trial": trial}, "customer_ref": "E_9"})
        for one, trial in zip(calls, ("target", "spoof", "nontarget"), strict=True)
    ]
    asvspoof.write_key(tmp_path / "one", calls)
    asvspoof.write_key(tmp_path / "two", trials)

    assert "filename\tcm-label\na\tbonafide\nb\tspoof\nc\tspoof\n" == (tmp_path / "one").read_text()
    assert {("E_9", "a"): "target", ("E_9", "b"): "spoof", ("E_9", "c"): "nontarget"} == (
        asvspoof.read_key(tmp_path / "two")
    )
    assert (tmp_path / "two").read_text().splitlines()[-1] == "E_9\tc\tbonafide\tnontarget"


names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
numbers = st.integers(-5_000_000, 5_000_000).map(lambda value: value / 1e6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.builds(Score, names, numbers, names, st.none() | numbers, st.none() | numbers), max_size=5))
def test_scores_are_read_as_they_were_written(tmp_path: Path, scores: list[Score]) -> None:
    """To six decimals."""
    asvspoof.write_scores(tmp_path / "s", scores)

    assert scores == asvspoof.read_scores(tmp_path / "s")


@pytest.mark.parametrize(("lines", "place"), [
    (["name\tcm-score"], "has no column filename"), (["filename\tcm-score", "a\tx"], "line 2: a score is not a number"),
    (["filename\tcm-score", "a\tnan"], "line 2: a score is not a number"), (["filename", "a"], "line 2: has no score"),
    (["filename\tcm-score", "a\t1\t2"], "more fields"),
])
def test_wrong_scores_name_their_line(lines: list[str], place: str, tmp_path: Path) -> None:
    """And a wrong label its column."""
    with pytest.raises(ConfigurationError, match=place):
        asvspoof.read_scores(_file(tmp_path, *lines))
    with pytest.raises(ConfigurationError, match="line 2: cm-label is not bonafide or spoof"):
        asvspoof.read_key(_file(tmp_path, "filename\tcm-label", "a\tmaybe"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=100), st.sampled_from([asvspoof.read_protocol, asvspoof.read_scores, asvspoof.read_key]))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes, read: object) -> None:
    """Nothing but one error comes of whatever a file holds."""
    (tmp_path / "x").write_bytes(data)
    with suppress(ConfigurationError):
        read(tmp_path / "x")  # type: ignore[operator]


def test_figures_of_either_track() -> None:
    """Those of our own metrics; files that only one side knows, or that come twice, are refused."""
    scores = [Score("a", -1.0, "s", None, 2.0), Score("b", 0.5, "s", None, -1.0), Score("c", 2.0, "s", None, -3.0)]
    first = asvspoof.measure(scores, {("s", "a"): "bonafide", ("s", "b"): "bonafide", ("s", "c"): "spoof"})
    second = asvspoof.measure(scores, {("s", "a"): "target", ("s", "b"): "nontarget", ("s", "c"): "spoof"})

    assert metrics.eer([2.0], [-1.0, 0.5]) == first["eer"]
    assert round(metrics.cllr([2.0], [-1.0, 0.5]), 6) == first["cllr"]
    assert {"a_dcf": 0.0} == second
    for wrong in ({("s", "a"): "bonafide"}, {("s", name): "spoof" for name in "abc"}):
        with pytest.raises(ConfigurationError):
            asvspoof.measure(scores, wrong)
    with pytest.raises(ConfigurationError, match="each once"):
        asvspoof.measure([*scores, scores[0]], {("s", name): "spoof" for name in "abc"})
