"""Workers, the calls they hold, and the jobs they run."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "workers",
        sa.Column("worker", sa.String, primary_key=True),
        sa.Column("seen_at", sa.Double, nullable=False),
    )
    op.create_table(
        "live_calls",
        sa.Column("call_id", sa.String, primary_key=True),
        sa.Column("worker", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("ix_live_calls_worker", "live_calls", ["worker"])
    op.create_table(
        "leases",
        sa.Column("job", sa.String, primary_key=True),
        sa.Column("worker", sa.String, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
    )


def downgrade() -> None:
    """Drop them: a worker that starts makes them anew, and nothing recorded is in them."""
    for table in ("workers", "live_calls", "leases"):
        op.drop_table(table)
