"""Outcomes as the JSON bodies of our own messages [contract]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voiceguard.events import ActionDecided, Challenge, Risk, as_record


def started_body(call_id: str, models: Mapping[str, str], policy: str) -> dict[str, Any]:
    """The `started` message; `models` and `policy` as for `risk_body`."""
    return {"type": "started", "call_id": call_id, "models": dict(models), "policy": policy}


def risk_body(call_id: str, risk: Risk, models: Mapping[str, str], policy: str) -> dict[str, Any]:
    """The `risk` message. `models`: role to `<name>@<sha256-12>`; `policy`: first 12 hex digits of its SHA-256."""
    return {"type": "risk", "call_id": call_id, **as_record(risk), "models": dict(models), "policy": policy}


def decision_body(call_id: str, decided: ActionDecided, risk: Mapping[str, Any], grant: str | None) -> dict[str, Any]:
    """The `decision` message and the answer of the actions endpoint. `grant` is the signed JWT."""
    body: dict[str, Any] = {
        "type": "decision", "call_id": call_id, "action_id": decided.action_id, "action": decided.action,
        "tier": decided.tier, "decision": decided.decision.value, "state": decided.state.value,
        "reasons": as_record(decided.reasons), "rule": decided.rule, "risk": dict(risk),
    }
    if decided.challenge is not None:
        body["challenge"] = as_record(decided.challenge)
    if grant is not None:
        body["grant"] = grant
    return body


def challenge_body(call_id: str, action_id: str, challenge: Challenge) -> dict[str, Any]:
    """The `challenge` message: a code is awaited, by DTMF or through the API."""
    return {"type": "challenge", "call_id": call_id, "action_id": action_id, **as_record(challenge)}


def challenge_header(acr: str) -> str:
    """The same challenge as RFC 9470 section 3 words it in WWW-Authenticate."""
    return (
        'Bearer error="insufficient_user_authentication", '
        f'error_description="A one-time code is needed", acr_values="{acr}"'
    )
