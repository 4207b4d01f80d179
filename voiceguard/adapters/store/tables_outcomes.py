"""The database's tables of what controls did; see `voiceguard.adapters.store.tables`."""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, String, Table

from voiceguard.adapters.store.tables import metadata

asked_actions = Table(
    "asked_actions", metadata,
    Column("call_id", String, ForeignKey("calls.call_id"), primary_key=True),
    Column("action_id", String, primary_key=True),
    Column("asked_at", Double, nullable=False),
    Column("action", String, nullable=False),
    Column("policy", String, nullable=False),  # that decided first
    Column("state", String, nullable=False),  # the latest; abandoned for a handover in which the caller hung up
    Column("challenged_at", Double),
    Column("handed_at", Double),
    Column("taken_at", Double),  # a person took the handover
    Column("settled_at", Double),
    Column("failed", Integer, nullable=False),  # wrong codes, and challenges that ran out
)

call_groups = Table(
    "call_groups", metadata,
    Column("call_id", String, ForeignKey("calls.call_id"), primary_key=True),
    Column("language", String),  # what the platform says of the call
    Column("line", String),
    Column("segment", String),
    Column("region", String),
)

complaints = Table(
    "complaints", metadata,
    Column("complaint_id", String, primary_key=True),
    Column("call_id", String, ForeignKey("calls.call_id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("at", Double, nullable=False),
    Column("author", String, nullable=False),
    Index("ix_complaints_call_id", "call_id"),
)
