"""Labelled call sets: what is read, and that every mistake names its line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voiceguard.analysis.callsets.callset import Drop, Dtmf, Intent, Transcript, read_callset, read_watchlist
from voiceguard.errors import AudioFileError, ConfigurationError

CALL: dict[str, Any] = {
    "call_id": "c1", "audio": "c1.wav", "channels": {"0": "caller", "1": "agent"}, "label": "takeover",
    "spoof_from_s": 12.5, "customer_ref": "customer-1", "expect": {"refund": "handover"},
    "events": [
        {"at_s": 1.0, "type": "transcript", "channel": "caller", "text": "line\u2028break"},
        {"at_s": 2.0, "type": "intent", "action": "refund", "parameters": {"amount": "5"}},
        {"at_s": 3.0, "type": "dtmf", "digits": "<otp>"}, {"at_s": 4.0, "type": "drop", "for_s": 1.5},
    ],
}


def kept(folder: Path, *calls: Any) -> Path:
    """A call set of these lines."""
    text = "\n".join(call if isinstance(call, str) else json.dumps(call, ensure_ascii=False) for call in calls)
    (folder / "calls.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_folder_and_file_are_the_same(tmp_path: Path) -> None:
    """Either names the set; audio lies beside it, and empty lines do not count."""
    folder = kept(tmp_path, CALL, "", CALL | {"call_id": "c2"}, "")

    calls = read_callset(folder)
    assert calls == read_callset(folder / "calls.jsonl")
    assert [("c1", tmp_path / "c1.wav"), ("c2", tmp_path / "c1.wav")] == [(call.call_id, call.audio) for call in calls]


def test_events_are_of_four_types(tmp_path: Path) -> None:
    """Each with its own fields; a line separator of Unicode inside a text ends no line."""
    (call,) = read_callset(kept(tmp_path, CALL))

    assert [Transcript, Intent, Dtmf, Drop] == [type(event) for event in call.events]
    assert "line\u2028break" == call.events[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize(("change", "place"), [
    ({"label": "dubious"}, "label"), ({"expect": {"refund": "maybe"}}, "expect.refund"), ({"extra": 1}, "extra"),
    ({"channels": {"0": "wizard"}}, "channels.0"), ({"audio": None}, "audio"), ({"spoof_from_s": -1}, "spoof_from_s"),
    ({"spoof_from_s": float("inf")}, "spoof_from_s"),
    ({"events": [{"at_s": float("nan"), "type": "dtmf", "digits": "1"}]}, "events.0"),
    ({"events": [{"at_s": 1, "type": "dtmf", "digits": "12x"}]}, "events.0"),
    ({"events": [{"at_s": 1, "type": "drop", "for_s": -1}]}, "events.0"),
    ({"events": [{"at_s": 1, "type": "song"}]}, "events.0"), ({"call_id": ""}, "call_id"),
])
def test_mistake_names_line_and_field(change: dict[str, Any], place: str, tmp_path: Path) -> None:
    """The second line is wrong, and the text says so."""
    with pytest.raises(ConfigurationError) as raised:
        read_callset(kept(tmp_path, CALL, CALL | {"call_id": "c2"} | change))
    assert f"calls.jsonl, line 2: {place}" in str(raised.value)


def test_call_id_twice(tmp_path: Path) -> None:
    """Results are told apart by it."""
    with pytest.raises(ConfigurationError, match="line 2: call_id c1 was used before"):
        read_callset(kept(tmp_path, CALL, CALL))


@pytest.mark.parametrize("audio", ["/etc/hostname", "../c1.wav", "a/../../c1.wav", "linked/c1.wav"])
def test_audio_outside_the_folder_is_refused(audio: str, tmp_path: Path) -> None:
    """Of calls and of the watch list, also by a link; who trusts the set may read it all the same."""
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "linked").symlink_to(tmp_path)
    kept(folder, CALL, CALL | {"call_id": "c2", "audio": audio})
    (folder / "watchlist.jsonl").write_text(json.dumps({"audio": audio, "reason": "case 1"}))

    with pytest.raises(ConfigurationError, match="line 2: audio: lies outside .*--allow-outside"):
        read_callset(folder)
    with pytest.raises(ConfigurationError, match=r"watchlist.jsonl, line 1: audio: lies outside"):
        read_watchlist(folder)
    assert folder / audio == read_callset(folder, allow_outside=True)[1].audio
    assert folder / audio == read_watchlist(folder, allow_outside=True)[0].audio


LINE = json.dumps(CALL, ensure_ascii=False).encode()
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8,
)


@given(st.integers(1, len(LINE) - 1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_line_cut_off_is_named(tmp_path: Path, length: int) -> None:
    """Wherever it ends, in the middle of a character too."""
    (tmp_path / "calls.jsonl").write_bytes(b"\n" + LINE[:length] + b"\n" + LINE)

    with pytest.raises(ConfigurationError, match=r"^calls\.jsonl, line 2: [^:]"):
        read_callset(tmp_path)


@given(st.sampled_from(sorted(CALL)), VALUES)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_field_of_any_value_is_read_or_named(tmp_path: Path, name: str, value: Any) -> None:
    """The field comes right after the line in the text."""
    (tmp_path / "calls.jsonl").write_text(json.dumps(CALL | {name: value}), encoding="utf-8")
    try:
        assert 1 == len(read_callset(tmp_path))
    except ConfigurationError as error:
        assert str(error).startswith((f"calls.jsonl, line 1: {name}", "calls.jsonl, line 1: Invalid JSON"))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80))
def test_any_bytes_are_calls_or_a_mistake(tmp_path: Path, data: bytes) -> None:
    """No content of the file ends otherwise."""
    (tmp_path / "calls.jsonl").write_bytes(data)
    try:
        assert [] == read_callset(tmp_path)
    except ConfigurationError as error:
        assert re.match(r"calls\.jsonl, line [1-9]", str(error))


def test_missing_set(tmp_path: Path) -> None:
    """The operating system's word for it."""
    with pytest.raises(ConfigurationError, match="No such file"):
        read_callset(tmp_path / "nothing")


def test_channels_come_by_role(tmp_path: Path) -> None:
    """The file's channels get the names that the call gives them."""
    soundfile.write(tmp_path / "c1.wav", np.stack([np.full(800, 0.25), np.full(800, -0.5)], axis=1), 8000)
    (call,) = read_callset(kept(tmp_path, CALL | {"channels": {"1": "caller", "0": "agent"}}))

    assert {"caller": -0.5, "agent": 0.25} == {role: round(float(line[9]), 3) for role, line in call.read().items()}


def test_channel_that_is_not_there(tmp_path: Path) -> None:
    """A mono file has no second channel."""
    soundfile.write(tmp_path / "c1.wav", np.zeros(800), 8000)
    (call,) = read_callset(kept(tmp_path, CALL))

    with pytest.raises(AudioFileError, match="no channel 1"):
        call.read()


def test_fraudsters_lie_beside_the_calls(tmp_path: Path) -> None:
    """By folder or by file; a call set without them has none; a mistake names its line."""
    folder = kept(tmp_path, CALL)
    assert [] == read_watchlist(folder)

    (folder / "watchlist.jsonl").write_text('{"audio": "one.wav", "reason": "case 1"}\n\n{"audio": "two.wav"}\n')
    with pytest.raises(ConfigurationError, match=r"watchlist.jsonl, line 3: reason"):
        read_watchlist(folder)

    (folder / "watchlist.jsonl").write_text('{"audio": "one.wav", "reason": "case 1"}\n')
    assert read_watchlist(folder) == read_watchlist(folder / "calls.jsonl")
    assert [("case 1", tmp_path / "one.wav")] == [(one.reason, one.audio) for one in read_watchlist(folder)]
