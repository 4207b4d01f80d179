"""What a draft policy would have done to the calls of the live service, from the records of kind `shadow`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Records = Sequence[Mapping[str, Any]]


def compare(calls: Iterable[tuple[str, Records]]) -> list[dict[str, Any]]:
    """One summary for each draft that ran, in the order of their hashes. `calls`: ids with their records, in order.

    What counts is the draft's first ruling on each action: after it the live policy went its own way, and asked for
    codes that the draft might not have wanted. `changes` names every action on which the two would have parted.
    """
    found: dict[str, dict[tuple[str, str], Mapping[str, Any]]] = {}
    for call_id, records in calls:
        for record in records:
            if record["kind"] == "shadow":
                found.setdefault(record["policy"], {}).setdefault((call_id, record["action_id"]), record)
    return [_summary(policy, rulings) for policy, rulings in sorted(found.items())]


def _summary(policy: str, rulings: Mapping[tuple[str, str], Mapping[str, Any]]) -> dict[str, Any]:
    counts = Counter((one["action"], one["live"], one["decision"]) for one in rulings.values())
    return {
        "policy": policy, "calls": len({call_id for call_id, _ in rulings}), "actions": len(rulings),
        "counts": [
            {"action": action, "live": live, "draft": draft, "count": count}
            for (action, live, draft), count in sorted(counts.items())
        ],
        "changes": [
            {
                "call_id": call_id, "action_id": action_id, "action": one["action"], "live": one["live"],
                "draft": one["decision"], "rule": one["rule"], "score": one["risk"]["score"],
            }
            for (call_id, action_id), one in rulings.items() if one["live"] != one["decision"]
        ],
    }
