"""People, their sessions and wrong guesses; when keys were made, used and rotated."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables, and room in that of the keys."""
    op.create_table(
        "people",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("roles", sa.String, nullable=False),
        sa.Column("password_hash", sa.String),
        sa.Column("totp_secret", sa.Text),
        sa.Column("last_totp_step", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("disabled_at", sa.Double),
        sa.Column("signed_in_at", sa.Double),
        sa.Column("setup_sha256", sa.String(64)),
        sa.Column("setup_expires", sa.Double),
        sa.Column("issuer", sa.String),
        sa.Column("subject", sa.String),
        sa.UniqueConstraint("setup_sha256", name="uq_people_setup_sha256"),
        sa.UniqueConstraint("issuer", "subject", name="uq_people_issuer_subject"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("person", sa.String, sa.ForeignKey("people.name"), primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
    )
    op.create_table(
        "sessions",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("person", sa.String, sa.ForeignKey("people.name"), nullable=False),
        sa.Column("method", sa.String, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
    )
    op.create_index("ix_sessions_person", "sessions", ["person"])
    op.create_table(
        "attempts",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
    )
    op.create_index("ix_attempts_at", "attempts", ["at"])
    for column in (
        sa.Column("created_at", sa.Double), sa.Column("last_used_at", sa.Double),
        sa.Column("old_sha256", sa.String(64)), sa.Column("old_until", sa.Double),
    ):
        op.add_column("api_keys", column)


def downgrade() -> None:
    """Drop them: everybody at the desk has to be added anew."""
    for table in ("attempts", "sessions", "recovery_codes", "people"):
        op.drop_table(table)
    for column in ("created_at", "last_used_at", "old_sha256", "old_until"):
        op.drop_column("api_keys", column)
