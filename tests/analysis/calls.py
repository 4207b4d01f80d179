"""Call sets and results for the tests of the analysts' bench."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import soundfile

from voiceguard.analysis.callsets.callset import LabelledCall, read_callset
from voiceguard.analysis.report.detection import Row
from voiceguard.analysis.results import CallResult, Decided, Point, Run
from voiceguard.events import Band, Decision, RiskState
from voiceguard.policy.states import STATE_OF

SAMPLES = Path(__file__).parents[2] / "samples"


def call(call_id: str = "c", label: str = "genuine", **more: Any) -> LabelledCall:
    """A labelled call without audio."""
    return LabelledCall(call_id=call_id, audio=Path("none.wav"), channels={0: "caller"}, label=label, **more)


def point(shift: float | None, at_s: float = 10.0, source: str = "synthetic_voice") -> Point:
    """A risk whose only evidence is `shift` nats; None: too little was heard."""
    if shift is None:
        return Point(
            at_s=at_s, net_s=1.0, score=None, band=Band.UNKNOWN, state=RiskState.INSUFFICIENT_SPEECH, evidence={}
        )
    band = Band.HIGH if shift >= 0.64 else Band.LOW
    return Point(at_s=at_s, net_s=at_s / 2, score=50, band=band, state=RiskState.OK, evidence={source: shift})


def decided(
    decision: str, action: str = "payment", *, asked_s: float = 10.0, action_id: str = "", sensitive: bool = True,
    shift: float | None = 0.0,
) -> Decided:
    """A decision of the tier `money`, or of `information` where it is not sensitive."""
    return Decided(
        action_id=action_id or action, action=action, tier="money" if sensitive else "information",
        sensitive=sensitive, asked_s=asked_s, decision=Decision(decision), state=STATE_OF[Decision(decision)],
        rule="r", reasons=("why",), risk=point(shift, asked_s),
    )


def row(
    shift: float | None = 0.0, label: str = "genuine", *, decisions: Sequence[Decided] = (), call_id: str = "c",
    tags: Mapping[str, str] | None = None, **more: Any,
) -> Row:
    """One call whose evidence at the end is `shift` nats."""
    run = Run(policy="p", line=(point(shift),), decided=tuple(decisions))
    result = CallResult(call_id=call_id, duration_s=20.0, net_speech_s=10.0, runs=(run,))
    return Row(call(call_id, label, tags=tags or {}, **more), result, run)


def short_set(folder: Path, *names: str, seconds: float = 14.0) -> Path:
    """A call set of the first seconds of sample calls, each of which asks for account recovery in the end."""
    lines = []
    known = {one.call_id: one for one in read_callset(SAMPLES)}
    for name in names:
        audio, rate = soundfile.read(known[name].audio, frames=int(seconds * 8000))
        soundfile.write(folder / f"{name}.wav", audio, rate, subtype="ULAW")
        lines.append({
            "call_id": name, "audio": f"{name}.wav", "channels": {"0": "caller", "1": "agent"},
            "label": known[name].label, "customer_ref": "customer-1",
            "events": [{"at_s": seconds - 0.5, "type": "intent", "action": "account_recovery"}],
            "expect": {"account_recovery": "step_up"}, "tags": {"source": name, "codec": "pcmu"},
        })
    (folder / "calls.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder
