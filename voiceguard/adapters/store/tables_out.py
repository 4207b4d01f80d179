"""The database's tables of what goes out of the service; see `voiceguard.adapters.store.tables`."""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, String, Table, Text

from voiceguard.adapters.store.tables import metadata

webhooks = Table(
    "webhooks", metadata,
    Column("webhook_id", String, primary_key=True),
    Column("tenant", String, nullable=False),  # whose calls it is told of
    Column("url", String, nullable=False),
    Column("events", String, nullable=False),  # sorted types, with a space between
    Column("fields", String),  # sorted names of the fields that it is cut down to; null: all
    Column("secret", Text, nullable=False),  # encrypted
    Column("created_at", Double, nullable=False),
    Column("author", String, nullable=False),
)

outbox = Table(
    "outbox", metadata,
    Column("delivery_id", Integer, primary_key=True),  # messages of one call arrive in this order
    Column("webhook_id", String, ForeignKey("webhooks.webhook_id"), nullable=False),
    Column("message_id", String, nullable=False),  # the same in every try, so that a receiver knows it again
    Column("call_id", String, nullable=False),  # empty: of no call
    Column("type", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("state", String, nullable=False),  # waiting, delivered or dead
    Column("next_at", Double, nullable=False),  # not before; while a process sends it, when it may be sent again
    Column("tries", Integer, nullable=False),
    Column("status", Integer),  # HTTP status of the last answer
    Column("cause", String),  # why the last try failed
    Column("ended_at", Double),  # delivered, or given up
    Index("ix_outbox_due", "webhook_id", "state", "delivery_id"),
    Index("ix_outbox_call", "webhook_id", "call_id", "state"),
    Index("ix_outbox_ended_at", "ended_at"),
)
