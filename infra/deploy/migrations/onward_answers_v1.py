"""The table of onward answers in its first version, in each context that asks other services to continue the care."""

import sqlalchemy as sa
from alembic import op

INSTANT = sa.DateTime(timezone=True)


def create() -> None:
    op.create_table(
        "onward_answer",
        sa.Column("referral_id", sa.Uuid, nullable=False),
        sa.Column("subject_id", sa.Uuid, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("service_code", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("answered_at", INSTANT, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("referral_id", name="pk_onward_answer"),
        comment="Projection of onward referrals of this service, from referrals.",
    )
    op.create_index("ix_onward_answer_subject_id", "onward_answer", ["subject_id"])
