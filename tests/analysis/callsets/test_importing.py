"""Recordings of others as call sets: by protocol, by folder, by table; channels never mix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from voiceguard.analysis.callsets.callset import read_callset
from voiceguard.analysis.callsets.importing import Imported, Importer
from voiceguard.errors import ConfigurationError


def test_a_protocol_becomes_a_call_set(tmp_path: Path) -> None:
    """Each file a call of one channel, found by its name; what is missing stays in and asks at once."""
    audio = tmp_path / "flac"
    audio.mkdir()
    soundfile.write(audio / "T_0000000000.FLAC", np.zeros(4000), 8000)
    protocol = tmp_path / "f.txt"
    protocol.write_text(
        "T_4850 T_0000000000 F - - - AC3 A05 spoof -\nE_1607 E_0009538969 M C05 2 0 - bonafide bonafide -\n"
    )

    assert Imported(2) == Importer(tmp_path / "set", "payment").protocol(protocol, audio)
    there, missing = read_callset(tmp_path / "set", allow_outside=True)
    assert ("T_0000000000", "synthetic", (audio / "T_0000000000.FLAC").resolve()) == (
        there.call_id, there.label, there.audio.resolve()
    )
    assert {"source": "T_4850", "speaker": "T_4850", "attack": "A05"} == dict(there.tags)
    assert ([0.5], [0.0]) == ([event.at_s for event in there.events], [event.at_s for event in missing.events])
    assert {"source": "E_1607", "speaker": "E_1607", "codec": "C05"} == dict(missing.tags)
    with pytest.raises(ConfigurationError, match="holds no recordings"):
        Importer(tmp_path / "set").protocol(protocol, tmp_path / "none")


def test_folders_say_what_is_in_them(tmp_path: Path) -> None:
    """By name, wherever on the way; the last is the source, and the attack of what is synthetic."""
    for name in ("bonafide/ann/1.wav", "Fake/piper/2.flac", "Fake/piper/notes.txt"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")

    assert Imported(2, 1) == Importer(tmp_path / "set").folder(tmp_path / "in")
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
        Importer(tmp_path / "set").folder(tmp_path / "in")


def test_suffixes_of_any_case_are_recordings_and_hidden_files_are_none(tmp_path: Path) -> None:
    """Windows recorders write capitals; macOS leaves side files; what is passed over is counted."""
    folder = tmp_path / "in" / "genuine"
    folder.mkdir(parents=True)
    for name in ("B.WAV", "C.Wav", "d.opus", "E.au", "G.MP3", "h.gsm", "._a.wav", ".hidden.wav", "notes.txt"):
        (folder / name).write_bytes(b"")

    assert Imported(6, 3) == Importer(tmp_path / "set").folder(tmp_path / "in")


def stereo(path: Path, seconds: float = 0.5) -> Path:
    """Two channels that differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    one = np.linspace(-0.5, 0.5, int(8000 * seconds))
    soundfile.write(path, np.stack([one, -one], axis=1), 8000)
    return path


def test_two_channels_need_a_side(tmp_path: Path) -> None:
    """The caller's is named, the other one is the agent's; nobody guesses."""
    stereo(tmp_path / "in" / "genuine" / "a.wav")
    with pytest.raises(ConfigurationError, match=r"genuine/a\.wav: has 2 channels"):
        Importer(tmp_path / "set").folder(tmp_path / "in")
    Importer(tmp_path / "set", side=1).folder(tmp_path / "in")

    (call,) = read_callset(tmp_path / "set", allow_outside=True)
    assert {1: "caller", 0: "agent"} == dict(call.channels)


def test_side_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A recording of one channel has no right one."""
    folder = tmp_path / "in" / "genuine"
    folder.mkdir(parents=True)
    soundfile.write(folder / "a.wav", np.zeros(800), 8000)

    with pytest.raises(ConfigurationError, match="has no channel 1, only 1"):
        Importer(tmp_path / "set", side=1).folder(tmp_path / "in")


def test_table_gives_labels_customers_sides_and_tags(tmp_path: Path) -> None:
    """A centre's own list of recordings, as a spreadsheet writes it."""
    stereo(tmp_path / "in" / "a.wav")
    table = tmp_path / "m.csv"
    table.write_bytes("Path;Label;Customer;Side;Language\r\na.wav;Real;c-7;right;de\r\nb.wav;tts;;;\r\n".encode("utf-16"))

    assert Imported(2) == Importer(tmp_path / "set").table(table, tmp_path / "in")
    one, other = read_callset(tmp_path / "set", allow_outside=True)
    assert ("genuine", "c-7", {1: "caller", 0: "agent"}, {"language": "de"}) == (
        one.label, one.customer_ref, dict(one.channels), dict(one.tags)
    )
    assert ("synthetic", "customer-b.wav", {}) == (other.label, other.customer_ref, dict(other.tags))


@pytest.mark.parametrize(("row", "why"), [
    ("a.wav,maybe,", "label is none of"), ("a.wav,real,middle", "side is not left"), ("x.wav,real,", "stands twice"),
    (",real,", "names no file"),
])
def test_table_with_a_wrong_row_names_its_line(row: str, why: str, tmp_path: Path) -> None:
    """Nothing is written then."""
    (tmp_path / "m.csv").write_text(f"path,label,side\nx.wav,real,\n{row}\n")

    with pytest.raises(ConfigurationError, match=f"line 3: .*{why}"):
        Importer(tmp_path / "set").table(tmp_path / "m.csv", tmp_path)
    assert not (tmp_path / "set").exists()
