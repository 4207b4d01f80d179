"""Frozen values as JSON-ready data, for records and messages: only the classes and fields that are named here."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from voiceguard.events.commands import HandoverAnswered, VoiceAsked
from voiceguard.events.outcomes import (
    ActionDecided,
    Challenge,
    Evidence,
    Grant,
    Reason,
    Risk,
    ShadowRuled,
    VoiceChanged,
    VoiceMatched,
)
from voiceguard.events.wire import CallStarted

RECORDED: Mapping[type, tuple[str, ...]] = {
    CallStarted: ("call_id", "encoding", "rate_hz", "channels", "customer_ref", "consent", "metadata",
                  "passed_over", "unreadable"),
    HandoverAnswered: ("action_id", "person", "role", "verdict", "reason"),
    VoiceAsked: ("purpose", "author"),
    VoiceChanged: ("at_s", "since_s", "llr"),
    VoiceMatched: ("source", "entry_id", "at_s", "llr"),
    ActionDecided: (
        "action_id", "action", "tier", "decision", "state", "reasons", "rule", "risk", "parameters_sha256",
        "challenge", "grant", "person", "lock_customer_until", "accepted_totp_step",
        "prepared_by", "confirmed_by",
    ),
    ShadowRuled: ("action_id", "action", "tier", "decision", "rule", "reasons", "policy", "live", "risk"),
    Risk: ("at_s", "net_speech_s", "score", "band", "state", "evidence"),
    Evidence: ("source", "llr", "weight", "contribution", "windows"),
    Reason: ("code", "text"),
    Challenge: ("method", "expires_at", "tries_left", "acr"),
    Grant: ("jti", "call_id", "customer_ref", "action", "parameters_sha256", "expires_at"),
}
"""Class to the fields that may be written. A record cannot be erased, so what is not named here never enters one."""


def as_record(value: Any) -> Any:
    """Values of the classes in `RECORDED`, enums, plain data, tuples and mappings of these as JSON-ready data.

    Raises TypeError for everything else, such as values that hold codes, secrets, audio or voices.
    """
    fields = RECORDED.get(type(value))
    if fields is not None:
        return {name: as_record(getattr(value, name)) for name in fields}
    if isinstance(value, StrEnum):
        return value.value
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): as_record(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [as_record(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(as_record(item) for item in value)
    raise TypeError(f"{type(value).__name__} is never recorded")
