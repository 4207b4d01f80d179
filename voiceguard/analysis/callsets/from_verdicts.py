"""Calls that people gave a verdict on, as a labelled call set: what the live service heard and decided, not its audio.

No audio is kept, so these calls cannot be replayed; a report on them shows how the service did. A verdict says genuine
or fraud and no more: a fraud counts as somebody else than the customer from the first word, of an unknown kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voiceguard.adapters.store import Store
from voiceguard.analysis.results import CallResult, Decided, Noted, Point, Run
from voiceguard.policy.rules import Policy

RECORDED = "recorded"
"""The policy's name in a run that the live service made."""
_MOST_VERDICTS = 1_000_000


async def read_reviewed(store: Store, policy: Policy, since: float) -> list[dict[str, Any]]:
    """The line of every call with a verdict given at `since` (Unix seconds) or later, in the order of their ids.

    The newest verdict on a call counts. `policy`: says which tiers are sensitive.
    """
    verdicts: dict[str, Mapping[str, Any]] = {}
    for one in await store.labels.list(limit=_MOST_VERDICTS):  # newest first
        if one["at"] >= since:
            verdicts.setdefault(one["call_id"], one)
    return [
        reviewed(call_id, verdicts[call_id], await store.calls.events(call_id), policy) for call_id in sorted(verdicts)
    ]


def reviewed(
    call_id: str, verdict: Mapping[str, Any], records: Sequence[Mapping[str, Any]], policy: Policy
) -> dict[str, Any]:
    """One call's line of the set."""
    fraud = verdict["verdict"] == "fraud"
    result = _result(call_id, records, policy)
    return {
        "call_id": call_id, "channels": {"0": "caller"}, "label": "takeover" if fraud else "genuine",
        "spoof_from_s": 0.0 if fraud else None,
        "tags": {"source": call_id, "reviewer": verdict["author"], **({"attack": "unknown"} if fraud else {})},
        "recorded": result.model_dump(mode="json"),
    }


def _result(call_id: str, records: Sequence[Mapping[str, Any]], policy: Policy) -> CallResult:
    line: list[Point] = []
    decided: list[Decided] = []
    notes: list[Noted] = []
    asked: dict[str, float] = {}
    for record in records:
        match record["kind"]:
            case "risk" if record["at_s"] > 0:
                line.append(_point(record))
            case "decision":
                risk, tier = _point(record["risk"]), policy.tiers.get(record["tier"])
                decided.append(Decided(
                    action_id=record["action_id"], action=record["action"], tier=record["tier"],
                    sensitive=tier is None or tier.sensitive,
                    asked_s=asked.setdefault(record["action_id"], risk.at_s), decision=record["decision"],
                    state=record["state"], rule=record["rule"],
                    reasons=tuple(reason["code"] for reason in record["reasons"]), risk=risk,
                ))
            case "text_flagged":
                notes.append(Noted(at_s=record["at_s"], kind="injection", detail=", ".join(record["rules"])))
            case "voice_changed":
                said = f"another voice since {record['since_s']:.1f} s"
                notes.append(Noted(at_s=record["at_s"], kind="voice_changed", detail=said))
            case "voice_matched":
                notes.append(Noted(at_s=record["at_s"], kind="voice_matched", detail=record["source"]))
    heard = [*line, *(one.risk for one in decided)]
    return CallResult(
        call_id=call_id, duration_s=max((point.at_s for point in heard), default=0.0),
        net_speech_s=max((point.net_s for point in heard), default=0.0),
        runs=(Run(policy=RECORDED, line=tuple(line), decided=tuple(decided), notes=tuple(notes)),),
    )


def _point(risk: Mapping[str, Any]) -> Point:
    return Point(
        at_s=round(risk["at_s"], 4), net_s=round(risk["net_speech_s"], 4), score=risk["score"], band=risk["band"],
        state=risk["state"],
        evidence={item["source"]: round(item["contribution"], 4) for item in risk["evidence"]},
    )
