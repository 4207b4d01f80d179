"""What is answered about outcomes, and about subscribers and what they were told."""

from __future__ import annotations

from typing_extensions import TypedDict


class Webhook(TypedDict):
    """A subscriber; `waiting`, `delivered` and `dead` count its messages that are on record."""

    webhook_id: str
    tenant: str
    url: str
    events: list[str]
    fields: list[str] | None
    created_at: float
    author: str
    waiting: int
    delivered: int
    dead: int


class Webhooks(TypedDict):
    """Every subscriber."""

    webhooks: list[Webhook]


class WebhookMade(TypedDict):
    """A new subscriber; its secret is told once."""

    webhook_id: str
    secret: str


class Delivery(TypedDict):
    """One message to a subscriber, and what came of its last try."""

    delivery_id: int
    message_id: str
    call_id: str
    type: str
    at: float
    state: str
    next_at: float
    tries: int
    status: int | None
    cause: str | None
    ended_at: float | None


class Deliveries(TypedDict):
    """Messages to a subscriber, newest first."""

    deliveries: list[Delivery]


class Replayed(TypedDict):
    """How many messages are sent again."""

    count: int


class WebhookTested(TypedDict):
    """What the subscriber made of a test."""

    message_id: str
    state: str
    status: int | None
    cause: str | None


class OutcomeRate(TypedDict):
    """A share of calls, per 1,000, with its 95 % interval."""

    count: int
    of: int
    per_1000: float | None
    low: float | None
    high: float | None
    is_small: bool


class OutcomeCounts(TypedDict):
    """See `voiceguard.measures.outcomes.Counts`."""

    calls: int
    genuine: int
    fraud: int
    asked: int
    challenged: int
    challenged_genuine: int
    failed_genuine: int
    escalated: int
    opened: int
    abandoned: int
    allowed_fraud: int
    complained: int
    repeatable: int
    repeated: int
    review_s: float
    added_s: float


class OutcomesOfGroup(TypedDict):
    """What came of the calls of one group; `rates` by the name of the measure."""

    group: str
    counts: OutcomeCounts
    cost: float
    rates: dict[str, OutcomeRate]


class OutcomeChange(TypedDict):
    """One measure before and after a change: the interval of the difference per 1,000, and a sentence."""

    measure: str
    low: float | None
    high: float | None
    text: str


class Outcomes(TypedDict):
    """What came of calls; `unequal` warns of groups that are challenged more often than the rest."""

    since: float
    until: float
    by: str
    groups: list[OutcomesOfGroup]
    changes: list[OutcomeChange]
    unequal: list[str]


class ComplaintKept(TypedDict):
    """A complaint that is kept."""

    complaint_id: str
