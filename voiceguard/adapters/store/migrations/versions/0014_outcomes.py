"""What came of asked actions, groups that calls belong to, and complaints. Actions that are known get a row each."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "asked_actions",
        sa.Column("call_id", sa.String, sa.ForeignKey("calls.call_id"), primary_key=True),
        sa.Column("action_id", sa.String, primary_key=True),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("policy", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("challenged_at", sa.Double),
        sa.Column("handed_at", sa.Double),
        sa.Column("taken_at", sa.Double),
        sa.Column("settled_at", sa.Double),
        sa.Column("failed", sa.Integer, nullable=False),
    )
    op.create_table(
        "call_groups",
        sa.Column("call_id", sa.String, sa.ForeignKey("calls.call_id"), primary_key=True),
        sa.Column("language", sa.String),
        sa.Column("line", sa.String),
        sa.Column("segment", sa.String),
        sa.Column("region", sa.String),
    )
    op.create_table(
        "complaints",
        sa.Column("complaint_id", sa.String, primary_key=True),
        sa.Column("call_id", sa.String, sa.ForeignKey("calls.call_id"), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("author", sa.String, nullable=False),
    )
    op.create_index("ix_complaints_call_id", "complaints", ["call_id"])
    op.create_index("ix_calls_customer_ref", "calls", ["customer_ref", "started_at"])
    op.execute(
        "INSERT INTO asked_actions (call_id, action_id, asked_at, action, policy, state, failed) "
        "SELECT call_id, action_id, at, action, 'not recorded', state, 0 FROM actions"
    )


def downgrade() -> None:
    """Drop them: chains and verdicts stay."""
    op.drop_index("ix_calls_customer_ref", "calls")
    for table in ("complaints", "call_groups", "asked_actions"):
        op.drop_table(table)
