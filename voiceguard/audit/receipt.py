"""A receipt for each decision: what an auditor asks, answered from the recorded bytes alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from voiceguard.audit.chain import Entry


def receipt(entry: Entry, previous: bytes) -> dict[str, Any]:
    """What system acted, on what data, what it produced, which control bound it, and which human approved.

    `entry`: a record of kind "decision", as the store writes it: an `ActionDecided` with `at`, `models` and `policy`.
    `previous`: hash of the entry before it, which stands for everything recorded of the call until then.
    """
    record: Mapping[str, Any] = json.loads(entry.record)
    risk = record["risk"]
    challenge = record.get("challenge")
    grant = record.get("grant")
    return {
        "call_id": entry.chain,
        "action_id": record["action_id"],
        "at": record["at"],
        "system": {"models": record["models"], "policy": record["policy"], "rule": record["rule"]},
        "data": {
            "media_s": risk["at_s"], "net_speech_s": risk["net_speech_s"], "evidence": risk["evidence"],
            "parameters_sha256": record["parameters_sha256"], "consents": record.get("consents", []),
            "recorded_before_sha256": previous.hex(),
        },
        "produced": {
            "action": record["action"], "decision": record["decision"], "state": record["state"],
            "reasons": record["reasons"], "risk": {key: risk[key] for key in ("score", "band", "state")},
            "grant_jti": None if grant is None else grant["jti"],
        },
        "control": {"tier": record["tier"], "step_up": None if challenge is None else challenge["acr"]},
        "human": record.get("person"),
        "prepared_by": record.get("prepared_by"),
        "confirmed_by": record.get("confirmed_by"),
        "place": {"chain": entry.chain, "seq": entry.seq, "sha256": entry.hash.hex()},
    }
