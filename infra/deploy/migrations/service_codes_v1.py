"""The table of service codes in its first version, in each context that checks them."""

import sqlalchemy as sa
from alembic import op


def create() -> None:
    op.create_table(
        "service_code",
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_until", sa.Date, comment="the first day on which the entry is no longer valid"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("telephone", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("code", "valid_from", name="pk_service_code"),
        comment="Codes of the directory of services, each entry valid between two days.",
    )
