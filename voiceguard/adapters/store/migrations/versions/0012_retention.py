"""Legal holds, and what proves chains whose records retention deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "holds",
        sa.Column("hold_id", sa.String, primary_key=True),
        sa.Column("call_id", sa.String),
        sa.Column("customer", sa.String),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("released_at", sa.Double),
        sa.Column("released_by", sa.String),
    )
    op.create_table(
        "swept_chains",
        sa.Column("chain", sa.String, sa.ForeignKey("calls.call_id"), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("sweep", sa.String, nullable=False),
    )
    op.create_index("ix_calls_ended_at", "calls", ["ended_at"])
    op.create_index("ix_swept_chains_sweep", "swept_chains", ["sweep"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_calls_ended_at", "calls")
    for table in ("swept_chains", "holds"):
        op.drop_table(table)
