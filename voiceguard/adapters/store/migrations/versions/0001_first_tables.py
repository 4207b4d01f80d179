"""First tables: calls, the audit's chains, actions and grants, customers, nonces, API keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "calls",
        sa.Column("call_id", sa.String, primary_key=True),
        sa.Column("customer_ref", sa.String),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.Column("end_reason", sa.String),
    )
    op.create_index("ix_calls_started_at", "calls", ["started_at"])
    op.create_table(
        "checkpoints",
        sa.Column("checkpoint_id", sa.Integer, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.String, nullable=False),
    )
    op.create_table(
        "audit_events",
        sa.Column("chain", sa.String, sa.ForeignKey("calls.call_id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "chain_heads",
        sa.Column("chain", sa.String, sa.ForeignKey("calls.call_id"), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("signed_count", sa.Integer),
        sa.Column("signed_in", sa.Integer, sa.ForeignKey("checkpoints.checkpoint_id")),
    )
    op.create_table(
        "actions",
        sa.Column("call_id", sa.String, sa.ForeignKey("calls.call_id"), primary_key=True),
        sa.Column("action_id", sa.String, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("tier", sa.String, nullable=False),
        sa.Column("decision", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("person", sa.String),
    )
    op.create_table(
        "grants",
        sa.Column("jti", sa.String, primary_key=True),
        sa.Column("call_id", sa.String, sa.ForeignKey("calls.call_id"), nullable=False),
        sa.Column("action_id", sa.String, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("redeemed_at", sa.Double),
    )
    op.create_index("ix_grants_call_id", "grants", ["call_id"])
    op.create_table(
        "customers",
        sa.Column("ref", sa.String, primary_key=True),
        sa.Column("totp_secret", sa.Text),
        sa.Column("last_totp_step", sa.BigInteger, nullable=False),
        sa.Column("locked_until", sa.Double, nullable=False),
    )
    op.create_table(
        "nonces",
        sa.Column("nonce", sa.String, primary_key=True),
        sa.Column("expires", sa.Double, nullable=False),
    )
    op.create_index("ix_nonces_expires", "nonces", ["expires"])
    op.create_table(
        "api_keys",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String, nullable=False),
        sa.UniqueConstraint("secret_sha256", name="uq_api_keys_secret_sha256"),
    )


def downgrade() -> None:
    """Drop them, and everything that was recorded."""
    for table in (
        "api_keys", "nonces", "customers", "grants", "actions", "chain_heads", "audit_events", "checkpoints", "calls",
    ):
        op.drop_table(table)
