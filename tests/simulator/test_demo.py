"""The demonstration itself, on two of the sample calls: one comes by Twilio, one by the native protocol."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from voiceguard.errors import ConfigurationError
from voiceguard.simulator.demo import _spark, run

SAMPLES = Path(__file__).parents[2] / "samples"
CALLS = {call["call_id"]: call for call in map(json.loads, (SAMPLES / "calls.jsonl").read_text().splitlines())}


def callset(folder: Path, **expected: Any) -> Path:
    """Recovery with its code (Twilio), then too little speech (native), with what the latter is to end in."""
    calls = [CALLS["02-recovery"], CALLS["08-too-little-speech"] | {"expect": expected}]
    path = folder / "calls.jsonl"
    path.write_text("".join(json.dumps(call | {"audio": str(SAMPLES / call["audio"])}) + "\n" for call in calls))
    return path


def test_calls_end_in_the_decisions_of_their_labels(tmp_path: Path) -> None:
    """Codes arrive, are keyed and spent on both protocols, grants are redeemed, and the table says so."""
    said: list[str] = []

    assert asyncio.run(run(callset(tmp_path, account_recovery="step_up"), speed=8, say=said.append, allow_outside=True))

    table = said[-4:]
    assert "account_recovery: allow, grant redeemed" in table[1]
    assert "account_recovery: step_up" in table[2]
    assert "2 of 2 calls" in table[3]
    assert any("/console/" in line for line in said)


def test_a_wrong_decision_fails_the_demonstration(tmp_path: Path) -> None:
    """A call that ends otherwise than labelled is named, and the answer is no."""
    said: list[str] = []

    wrong = callset(tmp_path, account_recovery="allow")
    assert not asyncio.run(run(wrong, speed=8, say=said.append, allow_outside=True))
    assert "WRONG, wanted allow" in said[-2]


def test_a_voice_of_the_watch_list_is_found(tmp_path: Path) -> None:
    """A fraudster is listed from an earlier recording; the later call says so and goes to a person."""
    said: list[str] = []
    call, entry = CALLS["11-watchlist"], json.loads((SAMPLES / "watchlist.jsonl").read_text())
    (tmp_path / "calls.jsonl").write_text(json.dumps(call | {"audio": str(SAMPLES / call["audio"])}))
    (tmp_path / "watchlist.jsonl").write_text(json.dumps(entry | {"audio": str(SAMPLES / entry["audio"])}))

    assert asyncio.run(run(tmp_path, speed=8, say=said.append, allow_outside=True))
    assert any("on the watch list" in line and entry["reason"] in line for line in said)
    assert any("like one of the watchlist" in line for line in said)


def test_a_dropped_stream_and_music_on_hold_change_no_decision(tmp_path: Path) -> None:
    """The call that was handed over stays so over another stream of Twilio's, and the genuine caller gets a grant."""
    said: list[str] = []
    calls = [CALLS["12-resumed"], CALLS["13-on-hold"]]
    (tmp_path / "calls.jsonl").write_text(
        "".join(json.dumps(call | {"audio": str(SAMPLES / call["audio"])}) + "\n" for call in calls)
    )

    assert asyncio.run(run(tmp_path, speed=8, say=said.append, allow_outside=True))
    told = "\n".join(said)
    assert told.index("the stream broke off") < told.index("the call goes on over another stream")
    assert "account_recovery: allow, grant redeemed" in said[-2]


def test_a_broken_call_set_starts_no_server(tmp_path: Path) -> None:
    """What cannot be streamed is told before anything is."""
    (tmp_path / "calls.jsonl").write_text('{"call_id": "x"}\n')

    with pytest.raises(ConfigurationError):
        asyncio.run(run(tmp_path, say=pytest.fail))


@pytest.mark.parametrize(("line", "drawn"), [
    ([], ""), ([None, 1, 99], "·▁█"), ([None] * 20 + [12] * 10 + [13] * 10, "··········▁▁▁▁▁▂▂▂▂▂"),
])
def test_line_of_scores(line: list[int | None], drawn: str) -> None:
    """The highest score of each stretch, in eight steps, and a dot where there was no number."""
    assert drawn == _spark(line)
