"""Customers' names in the audit, which can be erased."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table; records from before keep the names that they have."""
    op.create_table(
        "subjects",
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("ref", sa.String, nullable=False),
        sa.Column("key", sa.Text),
        sa.UniqueConstraint("ref", name="uq_subjects_ref"),
    )


def downgrade() -> None:
    """Drop it: records name their customers by random names that nobody can read any more."""
    op.drop_table("subjects")
