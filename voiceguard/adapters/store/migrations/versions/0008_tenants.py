"""Tenants of calls, keys and people, and what a key may do."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns; what was there belongs to the default tenant, and people see all tenants as before."""
    op.add_column("calls", sa.Column("tenant", sa.String, nullable=False, server_default="default"))
    op.create_index("ix_calls_tenant_started_at", "calls", ["tenant", "started_at"])
    op.add_column("api_keys", sa.Column("tenant", sa.String, nullable=False, server_default="default"))
    op.add_column("api_keys", sa.Column("kind", sa.String, nullable=False, server_default="machine"))
    for name in ("owner", "actions", "fields"):
        op.add_column("api_keys", sa.Column(name, sa.String))
    op.add_column("people", sa.Column("tenant", sa.String))
