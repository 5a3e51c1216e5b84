"""The table of person changes in its first version, in each context that follows deaths and moves."""

import sqlalchemy as sa
from alembic import op

INSTANT = sa.DateTime(timezone=True)


def create() -> None:
    op.create_table(
        "person_change",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("lifted_at", INSTANT, comment="null while the change holds"),
        sa.Column("care_from", INSTANT, comment="when care began again in spite of the change; null: it did not"),
        sa.PrimaryKeyConstraint("person_id", "change", name="pk_person_change"),
        comment="Projection of people's deaths and moves, from referrals.",
    )
