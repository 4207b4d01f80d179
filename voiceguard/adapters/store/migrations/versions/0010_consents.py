"""The consent ledger; voiceprints that are in force get an entry of the consent that their call recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table, and an entry for each voiceprint in force."""
    op.create_table(
        "consents",
        sa.Column("consent_id", sa.String, primary_key=True),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("wording", sa.String, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("given_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("withdrawn_at", sa.Double),
        sa.Column("withdrawn_by", sa.String),
        sa.Column("call_id", sa.String),
        sa.Column("customer", sa.String),
    )
    for column in ("customer", "call_id", "withdrawn_at", "given_at"):
        op.create_index(f"ix_consents_{column}", "consents", [column])
    op.execute(
        "INSERT INTO consents (consent_id, purpose, source, wording, author, given_at, call_id, customer) "
        "SELECT v.voiceprint_id, 'enrol', 'stream', 'not recorded', v.author, v.created_at, v.call_id, s.subject "
        "FROM voiceprints v JOIN subjects s ON s.ref = v.customer_ref WHERE v.ended_at IS NULL"
    )


def downgrade() -> None:
    """Drop it: the chains hold what was agreed to."""
    op.drop_table("consents")
