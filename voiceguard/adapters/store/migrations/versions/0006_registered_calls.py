"""Calls announced before they come."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "registered_calls",
        sa.Column("uuid_sha256", sa.String(64), primary_key=True),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_registered_calls_expires_at", "registered_calls", ["expires_at"])


def downgrade() -> None:
    """Drop it: calls that were announced have to be announced anew."""
    op.drop_table("registered_calls")
