"""Files of ASVspoof and folders of recordings: what they become, and that mistakes name their place."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.analysis.calls import call
from voiceguard.analysis.callsets import asvspoof
from voiceguard.analysis.callsets.asvspoof import Entry, Score
from voiceguard.analysis.callsets.callset import read_callset
from voiceguard.errors import ConfigurationError
from voiceguard.measures import metrics

LINES = {
    "2019 LA": ("LA_0079 LA_T_1138215 - - bonafide", Entry("LA_T_1138215", True, "LA_0079")),
    "2019 LA, spoof": ("LA_0069 LA_T_1000824 - A01 spoof", Entry("LA_T_1000824", False, "LA_0069", "A01")),
    "2021 LA key": (
        "LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval", Entry("LA_E_9332881", False, "LA_0009", "A07", "alaw")
    ),
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


def test_a_protocol_becomes_a_call_set(tmp_path: Path) -> None:
    """Each file a call of one channel, found by its name; what is missing stays in and asks at once."""
    audio = tmp_path / "flac"
    audio.mkdir()
    soundfile.write(audio / "T_0000000000.flac", np.zeros(4000), 8000)
    protocol = _file(tmp_path, LINES["5"][0], LINES["5, eval"][0])

    assert 2 == asvspoof.import_protocol(protocol, audio, tmp_path / "set", "payment")
    there, missing = read_callset(tmp_path / "set", allow_outside=True)
    assert ("T_0000000000", "synthetic", (audio / "T_0000000000.flac").resolve()) == (
        there.call_id, there.label, there.audio.resolve()
    )
    assert {"source": "T_4850", "speaker": "T_4850", "attack": "A05"} == dict(there.tags)
    assert ([0.5], [0.0]) == ([event.at_s for event in there.events], [event.at_s for event in missing.events])
    assert {"source": "E_1607", "speaker": "E_1607", "codec": "C05"} == dict(missing.tags)
    with pytest.raises(ConfigurationError, match="holds no recordings"):
        asvspoof.import_protocol(protocol, tmp_path / "none", tmp_path / "set")


def test_folders_say_what_is_in_them(tmp_path: Path) -> None:
    """By name, wherever on the way; the last is the source, and the attack of what is synthetic."""
    for name in ("bonafide/ann/1.wav", "Fake/piper/2.flac", "Fake/piper/notes.txt"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")

    assert 2 == asvspoof.import_folder(tmp_path / "in", tmp_path / "set")
    fake, real = read_callset(tmp_path / "set", allow_outside=True)
    assert ("synthetic", {"source": "Fake/piper", "attack": "piper"}) == (fake.label, dict(fake.tags))
    assert ("genuine", {"source": "bonafide/ann"}, "bonafide/ann/1.wav") == (real.label, dict(real.tags), real.call_id)
    assert () == real.events


@pytest.mark.parametrize("name", ["1.wav", "other/1.wav", "real/fake/1.wav"])
def test_recordings_without_one_label_are_refused(name: str, tmp_path: Path) -> None:
    """None, or two."""
    (tmp_path / "in" / name).parent.mkdir(parents=True)
    (tmp_path / "in" / name).write_bytes(b"")

    with pytest.raises(ConfigurationError, match="lies in no folder, or in two"):
        asvspoof.import_folder(tmp_path / "in", tmp_path / "set")


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
