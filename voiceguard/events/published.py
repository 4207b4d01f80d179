"""What subscribers are told: the records that become webhook events, and the few fields of each that leave.

Nothing here names the customer: whoever needs to know asks for the call with a key that may.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Published:
    """One kind of event."""

    type: str
    """As subscribers name it, `<thing>.<what happened>`."""
    fields: tuple[str, ...]
    """Of the record; `call_id` stands beside them."""


PUBLISHED: Final[Mapping[str, Published]] = {
    "started": Published("call.started", ()),
    "ended": Published("call.ended", ("reason",)),
    "decision": Published("decision.made", ("action_id", "action", "tier", "decision", "state", "rule", "policy")),
    "handover_offered": Published("handover.offered", ("action_id", "source", "reasons")),
    "handover_orphaned": Published("handover.orphaned", ("action_id", "alone_s")),
    "handover_ended": Published("handover.ended", ("action_id", "outcome")),
    "grant_redeemed": Published("grant.redeemed", ("action_id", "jti")),
    "grant_revoked": Published("grant.revoked", ("action_id", "jti", "reason")),
    "verdict": Published("verdict.given", ("verdict",)),
}
"""Kind of record to the event that it becomes."""
TEST: Final = "webhook.test"
"""Sent when somebody tries a subscription."""
TYPES: Final = tuple(sorted(published.type for published in PUBLISHED.values()))
"""What can be subscribed to."""
FIELDS: Final = frozenset(field for published in PUBLISHED.values() for field in published.fields)
"""What a subscription can be cut down to; `call_id` is always told."""


def told(record: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Type and data of the event that a record becomes, `call_id` left to the caller; None for what nobody is told."""
    published = PUBLISHED.get(record["kind"])
    if published is None:
        return None
    return published.type, {name: record[name] for name in published.fields if name in record}


def cut(data: Mapping[str, Any], fields: Collection[str] | None) -> dict[str, Any]:
    """The data with these fields and `call_id`; None: all."""
    return {name: value for name, value in data.items() if fields is None or name in fields or name == "call_id"}
