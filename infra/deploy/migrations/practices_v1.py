"""The table of GP practices in its first version."""

import sqlalchemy as sa
from alembic import op


def create() -> None:
    op.create_table(
        "practice",
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("locality", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("telephone", sa.Text, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_until", sa.Date, comment="the first day on which the entry is no longer valid"),
        sa.Column("successor", sa.Text, comment="the practice that takes over on that day"),
        sa.Column("source", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("code", "valid_from", name="pk_practice"),
    )
    op.create_index("ix_practice_successor", "practice", ["successor"])
