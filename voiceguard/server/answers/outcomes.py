"""What is answered about subscribers and what they were told."""

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
