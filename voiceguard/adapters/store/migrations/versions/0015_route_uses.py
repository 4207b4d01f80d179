"""Which key used which route, with which fields of the answer."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "route_uses",
        sa.Column("route", sa.String, primary_key=True),
        sa.Column("who", sa.String, primary_key=True),
        sa.Column("is_declared", sa.Integer, nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("first_at", sa.Double, nullable=False),
        sa.Column("last_at", sa.Double, nullable=False),
        sa.Column("fields", sa.String, nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("route_uses")
