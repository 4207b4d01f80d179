"""A call set through an engine: one result a call, in order, kept, and made again only where something changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.analysis.calls import SAMPLES, short_set
from voiceguard.adapters.policy_files import DEFAULT_POLICY
from voiceguard.analysis.callsets.callset import read_callset, read_watchlist
from voiceguard.analysis.replay import runner as module
from voiceguard.analysis.replay.runner import Bench, code_version
from voiceguard.errors import ConfigurationError
from voiceguard.settings import Settings

POLICY = DEFAULT_POLICY.read_text(encoding="utf-8")
BENCH = Bench(Settings(), (POLICY,), ("detector@1",))


@pytest.fixture
def callset(tmp_path: Path) -> Path:
    """Two short calls and one that is no audio."""
    short_set(tmp_path, "08-too-little-speech", "01-balance", "04-synthetic-kokoro", seconds=6.0)
    (tmp_path / "01-balance.wav").write_bytes(b"no audio")
    return tmp_path


def test_results_come_in_order_with_errors_among_them(callset: Path, tmp_path: Path) -> None:
    """Whatever order they were made in."""
    counted: list[int] = []
    found = list(BENCH.run(read_callset(callset), tmp_path / "work", jobs=1, done=counted.append))

    assert ["08-too-little-speech", "01-balance", "04-synthetic-kokoro"] == [result.call_id for _, result in found]
    assert [False, True, False] == [result.error is not None for _, result in found]
    assert [0, 1, 1, 1] == counted


def test_what_was_done_is_not_done_again(callset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay that was killed goes on: a half-written result counts as none."""
    calls = read_callset(callset)
    first = list(BENCH.run(calls, tmp_path / "work", jobs=1))
    (tmp_path / "work" / f"{BENCH.key(calls[0])}.json").write_text('{"call_id": "08-too')
    made: list[str] = []

    def replay(call: object, *_: object, **__: object) -> object:
        made.append(call.call_id)  # type: ignore[attr-defined]
        return first[0][1]

    monkeypatch.setattr(module, "replay", replay)
    assert first == list(BENCH.run(calls, tmp_path / "work", jobs=1))
    assert ["08-too-little-speech"] == made


def test_a_key_hangs_on_everything_that_makes_a_result(callset: Path) -> None:
    """Audio, events, labels, policies, models and settings; not on where the folder lies."""
    call = read_callset(callset)[0]
    keys = {
        BENCH.key(call), BENCH.key(call.model_copy(update={"events": ()})),
        BENCH.key(call.model_copy(update={"audio": callset / "01-balance.wav"})),
        BENCH.key(call.model_copy(update={"audio": callset / "missing.wav"})),
        replace(BENCH, policies=(POLICY + "\n",)).key(call), replace(BENCH, versions=("detector@2",)).key(call),
        replace(BENCH, settings=Settings(require_consent=True)).key(call),
    }
    elsewhere = callset / "copy.wav"
    elsewhere.write_bytes(call.audio.read_bytes())

    assert 7 == len(keys)
    assert BENCH.key(call) == BENCH.key(call.model_copy(update={"audio": elsewhere}))


def test_a_listed_fraudster_is_found(tmp_path: Path) -> None:
    """The voice is taken from its recording by the gate of the live list; a recording that gives none is named."""
    calls = [call for call in read_callset(SAMPLES) if call.call_id == "11-watchlist"]
    listed = tuple(one.audio for one in read_watchlist(SAMPLES))
    ((_, result),) = replace(BENCH, listed=listed).run(calls, tmp_path, jobs=1)

    assert ["voice_matched"] == [note.kind for note in result.runs[0].notes]
    assert "handover" == result.runs[0].last()["account_recovery"].decision
    assert BENCH.key(calls[0]) != replace(BENCH, listed=listed).key(calls[0])
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 8000)
    with pytest.raises(ConfigurationError, match=r"^silent\.wav: Less than"):
        list(replace(BENCH, listed=(tmp_path / "silent.wav",)).run(calls, tmp_path, jobs=1))


def test_code_version_is_a_hash() -> None:
    """Of the package as it is installed."""
    assert 64 == len(code_version())
