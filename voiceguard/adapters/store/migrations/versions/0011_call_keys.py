"""A key for each call, until and after its customer is named; API keys that expire."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the table and the column."""
    op.create_table(
        "call_keys",
        sa.Column("key_id", sa.String, primary_key=True),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("subject", sa.String),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
    )
    op.create_index("ix_call_keys_call_id", "call_keys", ["call_id"])
    op.create_index("ix_call_keys_subject", "call_keys", ["subject"])
    op.add_column("api_keys", sa.Column("expires_at", sa.Double))


def downgrade() -> None:
    """Drop them: words in records can be read by nobody any more, and keys that had a term have none."""
    op.drop_table("call_keys")
    op.drop_column("api_keys", "expires_at")
