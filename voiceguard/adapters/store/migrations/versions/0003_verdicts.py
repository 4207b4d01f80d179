"""What people found out about calls."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "verdicts",
        sa.Column("verdict_id", sa.Integer, primary_key=True),
        sa.Column("call_id", sa.String, sa.ForeignKey("calls.call_id"), nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("note", sa.Text),
    )
    op.create_index("ix_verdicts_call_id", "verdicts", ["call_id"])


def downgrade() -> None:
    """Drop it: notes are lost, and the chains hold the verdicts."""
    op.drop_table("verdicts")
