"""Voiceprints with a key per customer, the watch list, and voices that were heard lately."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables, and room for the customers' keys."""
    op.add_column("customers", sa.Column("data_key", sa.Text))
    op.create_table(
        "voiceprints",
        sa.Column("voiceprint_id", sa.String, primary_key=True),
        sa.Column("customer_ref", sa.String, sa.ForeignKey("customers.ref"), nullable=False),
        sa.Column("call_id", sa.String, sa.ForeignKey("calls.call_id"), nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("net_speech_s", sa.Double, nullable=False),
        sa.Column("windows", sa.Integer, nullable=False),
        sa.Column("embedding", sa.LargeBinary),
        *_end(),
    )
    op.create_index("ix_voiceprints_customer_ref", "voiceprints", ["customer_ref"])
    op.create_table(
        "watchlist",
        sa.Column("entry_id", sa.String, primary_key=True),
        sa.Column("call_id", sa.String, sa.ForeignKey("calls.call_id"), nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("review_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("reviewed_by", sa.String),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("net_speech_s", sa.Double, nullable=False),
        sa.Column("windows", sa.Integer, nullable=False),
        sa.Column("embedding", sa.LargeBinary),
        *_end(),
    )
    op.create_table(
        "heard_voices",
        sa.Column("call_id", sa.String, sa.ForeignKey("calls.call_id"), primary_key=True),
        sa.Column("customer_ref", sa.String, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("net_speech_s", sa.Double, nullable=False),
        sa.Column("windows", sa.Integer, nullable=False),
        sa.Column("embedding", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_heard_voices_expires_at", "heard_voices", ["expires_at"])


def downgrade() -> None:
    """Drop them: voices are lost, and the chains still say who enrolled and listed them."""
    for table in ("heard_voices", "watchlist", "voiceprints"):
        op.drop_table(table)
    op.drop_column("customers", "data_key")


def _end() -> tuple[sa.Column[Any], ...]:
    return sa.Column("ended_at", sa.Double), sa.Column("ended_by", sa.String), sa.Column("end_reason", sa.String)
