"""Wrong and sent codes of customers, over all calls."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "wrong_codes",
        sa.Column("customer_ref", sa.String, primary_key=True),
        sa.Column("call_id", sa.String, primary_key=True),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("codes", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_table(
        "sent_codes",
        sa.Column("sent_id", sa.Integer, primary_key=True),
        sa.Column("customer_ref", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("ix_sent_codes_customer_ref", "sent_codes", ["customer_ref"])
    op.create_index("ix_sent_codes_at", "sent_codes", ["at"])


def downgrade() -> None:
    """Drop them: counts of wrong and of sent codes begin anew."""
    for table in ("sent_codes", "wrong_codes"):
        op.drop_table(table)
