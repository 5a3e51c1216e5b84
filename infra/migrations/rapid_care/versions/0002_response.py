"""The response, and the copy of the person's record."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "response",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("referral_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("condition", sa.Text, nullable=False),
        sa.Column("locality", sa.Text, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("clock_starts_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("clinician_id", sa.Text),
        sa.Column("contacted_at", INSTANT),
        sa.Column("contact_mode", sa.Text),
        sa.Column("breached_at", INSTANT),
        sa.Column("health_needs", JSONB, nullable=False),
        sa.Column("social_needs", JSONB, nullable=False),
        sa.Column("package", JSONB, nullable=False),
        sa.Column("stepped_down_to", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_response"),
    )
    op.create_index("ix_response_person_id", "response", ["person_id"])
    op.create_index("ix_response_referral_id", "response", ["referral_id"])
    op.create_table(
        "person",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("record", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_person"),
        comment="the copy of what the person told once",
    )
