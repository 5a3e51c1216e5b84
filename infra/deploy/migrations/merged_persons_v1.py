"""The table of merged persons in its first version, in each context that follows merges and separations."""

import sqlalchemy as sa
from alembic import op

INSTANT = sa.DateTime(timezone=True)


def create() -> None:
    op.create_table(
        "merged_person",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("survivor_id", sa.Uuid, nullable=False),
        sa.Column("merged_at", INSTANT, nullable=False),
        sa.Column("separated_at", INSTANT, comment="null while the merge holds"),
        sa.PrimaryKeyConstraint("person_id", name="pk_merged_person"),
        comment="Projection of the person records that were merged into another one, from referrals.",
    )
    op.create_index("ix_merged_person_survivor_id", "merged_person", ["survivor_id"])
