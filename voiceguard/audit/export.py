"""Receipts in other systems' words: OCSF findings for a SIEM, CloudEvents for a bus, rows for a spreadsheet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

Receipt = Mapping[str, Any]
"""As `voiceguard.audit.receipt` makes it."""
OCSF_VERSION: Final = "1.7.0"
CSV_COLUMNS: Final = (
    "at", "call_id", "action_id", "action", "tier", "decision", "state", "rule", "reasons", "risk_score", "risk_band",
    "risk_state", "net_speech_s", "step_up", "human", "grant_jti", "parameters_sha256", "models", "policy", "chain",
    "seq", "sha256",
)
_ACTION = {"allow": 1, "step_up": 2, "handover": 2, "deny": 2}
"""`action_id`: allowed, or denied, for now at least."""
_DISPOSITION = {"allow": 1, "step_up": 23, "handover": 14, "deny": 2}
"""`disposition_id`: allowed, challenge, delayed, blocked."""
_STATUS = {"allow": 4, "step_up": 2, "handover": 2, "deny": 4}
"""`status_id`: resolved, or in progress."""
_SEVERITY = {"unknown": 1, "low": 1, "elevated": 3, "high": 4}
"""`severity_id`: informational, medium, high."""
_FORMULA = ("=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}", "\N{FULLWIDTH HYPHEN-MINUS}",
            "\N{FULLWIDTH COMMERCIAL AT}")
_RISK_LEVEL = {"low": 1, "elevated": 2, "high": 3}


def as_ocsf(receipt: Receipt, version: str) -> dict[str, Any]:
    """A Detection Finding (class 2004) with the profile `security_control`, OCSF 1.7.0.

    What OCSF has no attribute for stands under `unmapped`, so that nothing of the receipt is lost. `version`: of this
    software.
    """
    produced, system, place = receipt["produced"], receipt["system"], receipt["place"]
    risk, decision = produced["risk"], produced["decision"]
    at_ms = round(receipt["at"] * 1000)
    finding: dict[str, Any] = {
        "class_uid": 2004, "category_uid": 2, "activity_id": 1, "type_uid": 200401, "time": at_ms,
        "severity_id": _SEVERITY[risk["band"]], "status_id": _STATUS[decision], "status_detail": produced["state"],
        "action_id": _ACTION[decision], "disposition_id": _DISPOSITION[decision],
        "is_alert": risk["band"] == "high" or decision == "deny",
        "message": f"{produced['action']}: {decision}. " + " ".join(one["text"] for one in produced["reasons"]),
        "metadata": {
            "version": OCSF_VERSION, "profiles": ["security_control"], "uid": place["sha256"],
            "correlation_uid": receipt["call_id"], "sequence": place["seq"],
            "product": {"name": "voiceguard", "vendor_name": "voiceguard", "version": version},
        },
        "finding_info": {
            "uid": f"{receipt['call_id']}/{receipt['action_id']}/{place['seq']}", "created_time": at_ms,
            "title": f"{produced['action']} asked for on a call: {decision}",
            "types": [one["code"] for one in produced["reasons"]],
            "analytic": {
                "type_id": 1, "name": system["rule"], "uid": system["policy"], "category": receipt["control"]["tier"],
            },
        },
        "evidences": [{"data": dict(receipt["data"])}],
        "policy": {"name": receipt["control"]["tier"], "uid": system["policy"]},
        "unmapped": {
            "models": dict(system["models"]), "control": dict(receipt["control"]), "human": receipt["human"],
            "grant_jti": produced["grant_jti"], "risk_state": risk["state"], "recorded": dict(place),
        },
    }
    if risk["score"] is not None:
        finding |= {"risk_score": risk["score"], "risk_level_id": _RISK_LEVEL[risk["band"]]}
    return finding


def as_cloudevent(receipt: Receipt, source: str) -> dict[str, Any]:
    """A CloudEvents 1.0 envelope in its JSON format. `source`: a URI reference of the service that decided.

    `source` and `id` name a decision once and for all: the id is the hash under which the chain recorded it.
    """
    return {
        "specversion": "1.0", "type": f"voiceguard.decision.{receipt['produced']['decision']}", "source": source,
        "id": receipt["place"]["sha256"], "time": _rfc3339(receipt["at"]), "subject": receipt["call_id"],
        "datacontenttype": "application/json", "data": dict(receipt),
    }


def as_row(receipt: Receipt) -> dict[str, Any]:
    """A flat row of `CSV_COLUMNS`, safe for spreadsheets; several values in one cell have `; ` between them."""
    produced, system, control = receipt["produced"], receipt["system"], receipt["control"]
    risk, place = produced["risk"], receipt["place"]
    return safe_row({
        "at": _rfc3339(receipt["at"]), "call_id": receipt["call_id"], "action_id": receipt["action_id"],
        "action": produced["action"], "tier": control["tier"], "decision": produced["decision"],
        "state": produced["state"], "rule": system["rule"],
        "reasons": "; ".join(one["code"] for one in produced["reasons"]), "risk_score": risk["score"],
        "risk_band": risk["band"], "risk_state": risk["state"], "net_speech_s": receipt["data"]["net_speech_s"],
        "step_up": control["step_up"], "human": receipt["human"], "grant_jti": produced["grant_jti"],
        "parameters_sha256": receipt["data"]["parameters_sha256"],
        "models": "; ".join(f"{role}={model}" for role, model in sorted(system["models"].items())),
        "policy": system["policy"], "chain": place["chain"], "seq": place["seq"], "sha256": place["sha256"],
    })


def safe_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a table whose text no spreadsheet takes for a formula: an apostrophe stands before what begins like
    one (OWASP, CSV injection), and control characters are written as JSON escapes them."""
    return {name: _safe_cell(value) if isinstance(value, str) else value for name, value in row.items()}


def _safe_cell(text: str) -> str:
    shown = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
    return f"'{shown}" if shown.startswith(_FORMULA) or not text[:1].isprintable() else shown


def as_line(value: Mapping[str, Any]) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
