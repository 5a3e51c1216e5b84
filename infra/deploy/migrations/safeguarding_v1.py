"""The tables of safeguarding concerns in their first version."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

INSTANT = sa.DateTime(timezone=True)


def create() -> None:
    op.create_table(
        "safeguarding_concern",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("is_urgent", sa.Boolean, nullable=False),
        sa.Column("raised_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, comment="of the acknowledgement, then of the decision; null when closed"),
        sa.Column("overdue_since", INSTANT),
        sa.Column("acknowledged_at", INSTANT),
        sa.Column("acknowledged_by", sa.Text, comment="organisation and subject"),
        sa.Column("closed_at", INSTANT),
        sa.Column("closed_by", sa.Text, comment="organisation and subject"),
        sa.Column("outcome", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_safeguarding_concern"),
        comment="Safeguarding concerns, restricted to the council's receiver and the safeguarding leads.",
    )
    op.create_index("ix_safeguarding_concern_person_id_kind", "safeguarding_concern", ["person_id", "kind"])
    op.create_index("ix_safeguarding_concern_status", "safeguarding_concern", ["status"])
    op.create_table(
        "safeguarding_account",
        sa.Column("id", sa.Uuid, nullable=False, comment="the reference of the receipt"),
        sa.Column("concern_id", sa.Uuid, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("is_urgent", sa.Boolean, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("raiser", JSONB, nullable=False),
        sa.Column("is_raiser_limited", sa.Boolean, nullable=False, comment="the council alone learns who it was"),
        sa.Column("raised_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_safeguarding_account"),
        comment="What each member of staff reported of a safeguarding concern.",
    )
    op.create_index("ix_safeguarding_account_concern_id", "safeguarding_account", ["concern_id"])
