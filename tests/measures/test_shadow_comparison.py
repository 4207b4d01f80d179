"""What a draft policy would have done, from what was recorded of it."""

from __future__ import annotations

from typing import Any

from voiceguard.measures.shadow_comparison import compare


def _ruled(action_id: str, live: str, draft: str, policy: str = "d1", action: str = "payment") -> dict[str, Any]:
    return {
        "kind": "shadow", "at": 1.0, "action_id": action_id, "action": action, "decision": draft, "live": live,
        "rule": "strict", "policy": policy, "risk": {"score": 7},
    }


def test_first_rulings_count() -> None:
    """What the draft says after a code was given is a consequence of what the live policy asked."""
    (found,) = compare([
        ("c1", [{"kind": "started"}, _ruled("a", "step_up", "handover"), _ruled("a", "allow", "allow")]),
        ("c2", [_ruled("a", "step_up", "step_up"), _ruled("b", "step_up", "step_up")]), ("c3", [{"kind": "ended"}]),
    ])

    assert ("d1", 2, 3) == (found["policy"], found["calls"], found["actions"])
    assert [
        {"action": "payment", "live": "step_up", "draft": "handover", "count": 1},
        {"action": "payment", "live": "step_up", "draft": "step_up", "count": 2},
    ] == found["counts"]
    assert [{
        "call_id": "c1", "action_id": "a", "action": "payment", "live": "step_up", "draft": "handover",
        "rule": "strict", "score": 7,
    }] == found["changes"]


def test_every_draft_has_its_own_summary() -> None:
    """And no draft has none."""
    assert ["d1", "d2"] == [
        one["policy"] for one in compare([("c", [_ruled("a", "allow", "deny", "d2"), _ruled("a", "allow", "deny")])])
    ]
    assert [] == compare([("c", [{"kind": "started"}])])
