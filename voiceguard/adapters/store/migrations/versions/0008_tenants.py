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


def downgrade() -> None:
    """Drop the columns, but not while another tenant has calls, keys or people: all would see them."""
    for table in ("calls", "api_keys", "people"):
        tenant: sa.ColumnClause[str] = sa.column("tenant")
        others = sa.select(tenant).select_from(sa.table(table, tenant)).where(tenant != "default").limit(1)
        if op.get_bind().execute(others).first() is not None:
            raise RuntimeError(f"the table {table} has rows of another tenant than the default")
    op.drop_index("ix_calls_tenant_started_at", "calls")
    for table, column in (
        ("people", "tenant"), ("api_keys", "fields"), ("api_keys", "actions"), ("api_keys", "owner"),
        ("api_keys", "kind"), ("api_keys", "tenant"), ("calls", "tenant"),
    ):
        op.drop_column(table, column)
