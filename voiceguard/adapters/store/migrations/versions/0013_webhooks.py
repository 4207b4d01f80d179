"""Subscribers of events, and the outbox of what they are still to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", sa.String, primary_key=True),
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("url", sa.String, nullable=False),
        sa.Column("events", sa.String, nullable=False),
        sa.Column("fields", sa.String),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("author", sa.String, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("delivery_id", sa.Integer, primary_key=True),
        sa.Column("webhook_id", sa.String, sa.ForeignKey("webhooks.webhook_id"), nullable=False),
        sa.Column("message_id", sa.String, nullable=False),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("next_at", sa.Double, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("cause", sa.String),
        sa.Column("ended_at", sa.Double),
    )
    op.create_index("ix_outbox_due", "outbox", ["webhook_id", "state", "delivery_id"])
    op.create_index("ix_outbox_call", "outbox", ["webhook_id", "call_id", "state"])
    op.create_index("ix_outbox_ended_at", "outbox", ["ended_at"])


def downgrade() -> None:
    """Drop them, with what was not delivered yet."""
    op.drop_table("outbox")
    op.drop_table("webhooks")
