"""Calls with verdicts as a call set: what the live service heard and decided, and a report on it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.store.helpers import TERMS
from tests.server.builders import decided
from voiceguard.adapters.keys import Keys
from voiceguard.adapters.policy_files import DEFAULT_POLICY, read_policy
from voiceguard.adapters.store import Store
from voiceguard.analysis.callsets.callset import read_callset
from voiceguard.analysis.callsets.from_verdicts import read_reviewed
from voiceguard.analysis.replay.command import Wish, replay_callset
from voiceguard.errors import AudioFileError, ConfigurationError
from voiceguard.events import Band, Decision, Evidence, Risk, RiskState
from voiceguard.live.messages import risk_body
from voiceguard.settings import Settings

HIGH = Risk(21.5, 12.0, 56, Band.HIGH, RiskState.OK, (Evidence("synthetic_voice", 1.5, 2.0, 3.0, 9),))


def _records(call_id: str) -> list[dict[str, Any]]:
    """As the live service writes them."""
    body = risk_body(call_id, HIGH, {}, "ab")
    risk = {name: value for name, value in body.items() if name not in ("type", "call_id")}
    return [
        {"kind": "started", "at": 1.0, "call_id": call_id, "customer_ref": "customer-1", "metadata": {}},
        {"kind": "risk", "at": 2.0, **risk, "at_s": 0.0, "net_speech_s": 0.0, "score": None, "evidence": []},
        {"kind": "risk", "at": 3.0, **risk},
        {"kind": "text_flagged", "at": 3.0, "channel": "caller", "at_s": 9.0, "rules": ["ignore_instructions"]},
        {"kind": "voice_changed", "at": 3.0, "at_s": 20.0, "since_s": 12.5, "llr": 2.0},
        {"kind": "voice_matched", "at": 3.0, "source": "watchlist", "entry_id": "e", "at_s": 20.0, "llr": 2.0},
    ]


def _reviewed(folder: Path, since: float = 0.0) -> list[dict[str, Any]]:
    async def run() -> list[dict[str, Any]]:
        url = f"sqlite+aiosqlite:///{folder / 'voiceguard.db'}"
        async with Store.open(url, cipher=Keys.open(folder).cipher) as store:
            for call_id, decision, verdicts in (
                ("c1", Decision.HANDOVER, ["fraud", "genuine"]), ("c2", Decision.ALLOW, ["fraud"]), ("c3", None, []),
            ):
                await store.calls.append(call_id, _records(call_id))
                if decision is not None:
                    one = replace(decided(decision), risk=HIGH, grant=None)
                    await store.decisions.record(call_id, one, at=4.0, models={}, policy="ab", terms=TERMS)
                for at, verdict in enumerate(verdicts, 10):
                    await store.labels.add(call_id, verdict, author="ann", note="", at=at)  # type: ignore[arg-type]
            return await read_reviewed(store, read_policy(), since)

    return asyncio.run(run())


def _kept(folder: Path, lines: list[dict[str, Any]]) -> Path:
    (folder / "calls.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_the_newest_verdict_labels_a_call(tmp_path: Path) -> None:
    """A fraud is somebody else than the customer, of a kind that nobody said; calls without a verdict stay out."""
    first, second = _reviewed(tmp_path)

    assert ("c1", "genuine", None) == (first["call_id"], first["label"], first["spoof_from_s"])
    assert ("c2", "takeover", 0.0) == (second["call_id"], second["label"], second["spoof_from_s"])
    assert {"source": "c2", "reviewer": "ann", "attack": "unknown"} == second["tags"]
    assert "customer-1" not in json.dumps([first, second])


def test_old_verdicts_are_left_out(tmp_path: Path) -> None:
    """By the time at which they were given."""
    assert ["c1"] == [line["call_id"] for line in _reviewed(tmp_path, since=10.5)]


def test_what_was_recorded_is_there(tmp_path: Path) -> None:
    """The line of risk, decisions with what they were made on, and what was noted."""
    (call, _) = read_callset(_kept(tmp_path, _reviewed(tmp_path)))
    assert call.recorded is not None
    (run,) = call.recorded.runs

    assert (21.5, 12.0) == (call.recorded.duration_s, call.recorded.net_speech_s)
    assert [(21.5, 56, {"synthetic_voice": 3.0})] == [(point.at_s, point.score, point.evidence) for point in run.line]
    assert [("handover", True, 21.5)] == [(one.decision, one.sensitive, one.asked_s) for one in run.decided]
    assert ["injection", "voice_changed", "voice_matched"] == [note.kind for note in run.notes]
    with pytest.raises(AudioFileError, match="no audio was kept"):
        call.read()


def test_a_report_shows_how_the_service_did(tmp_path: Path) -> None:
    """One fraud of one missed, one genuine caller handed over; no policy can be tried on what has no audio."""
    _kept(tmp_path, _reviewed(tmp_path))
    found = replay_callset(Wish(tmp_path, tmp_path / "report"), Settings())

    (policy,) = found["policies"]
    assert ("recorded", ["c2"], 1000.0) == (
        policy["name"], policy["fraud"]["missed"], policy["friction"]["handovers_per_1000"]["value"]
    )
    assert "recorded" in (tmp_path / "report" / "report.html").read_text()
    with pytest.raises(ConfigurationError, match="no policy can be tried"):
        replay_callset(Wish(tmp_path, tmp_path / "report", (DEFAULT_POLICY,)), Settings())


def test_calls_with_and_without_audio_do_not_mix(tmp_path: Path) -> None:
    """Half of a report would be of other policies."""
    one, _ = _reviewed(tmp_path)
    heard = {"call_id": "x", "audio": "x.wav", "channels": {"0": "caller"}, "label": "genuine"}

    with pytest.raises(ConfigurationError, match="with and without audio"):
        replay_callset(Wish(_kept(tmp_path, [one, heard]), tmp_path / "report"), Settings())


@pytest.mark.parametrize("change", [{"audio": "a.wav"}, {"recorded": None}, {"call_id": "other"}])
def test_audio_or_record_of_the_same_call(change: dict[str, Any], tmp_path: Path) -> None:
    """Not both, not neither, not somebody else's."""
    one, _ = _reviewed(tmp_path)

    with pytest.raises(ConfigurationError, match="line 1: Value error, (needs either|recorded is of another)"):
        read_callset(_kept(tmp_path, [one | change]))
