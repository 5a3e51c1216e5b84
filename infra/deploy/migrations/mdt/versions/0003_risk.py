"""Risk: who was found, every score of the last months, and the imports that brought them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA, JSONB

revision = "0003"
down_revision = "0002"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _risk()
    _risk_score()
    _risk_import()


def _risk() -> None:
    op.create_table(
        "risk",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False, comment="the case-finding id: each rise begins a new chain"),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("practice_code", sa.Text, nullable=False),
        sa.Column("level", sa.SmallInteger, nullable=False),
        sa.Column("ratio", sa.Numeric, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("climbed_on", sa.Date),
        sa.Column("climber_until", sa.Date),
        sa.Column("destination", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_risk"),
        sa.UniqueConstraint("person_id", name="uq_risk_person_id"),
        comment="who was ever at level 2 or 3 or climbed steeply; nobody else",
    )
    op.create_index("ix_risk_practice_code", "risk", ["practice_code"])


def _risk_score() -> None:
    """No primary key: the index would cost more than all the rest of an import, and nothing reads by it."""
    op.create_table(
        "risk_score",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("import_number", sa.Integer, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("level", sa.SmallInteger, nullable=False),
        sa.Column("ratio", sa.Numeric, nullable=False),
        sa.Column("practice_code", sa.Text, nullable=False),
        comment="every registered person's score in every import that the window needs; written by COPY",
    )
    op.create_index("ix_risk_score_person_id", "risk_score", ["person_id"], postgresql_using="hash")
    op.create_index("ix_risk_score_import_number", "risk_score", ["import_number"], postgresql_using="brin")


def _risk_import() -> None:
    op.create_table(
        "risk_import",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", BYTEA, nullable=False, comment="SHA-256 of the file"),
        sa.Column("imported_at", INSTANT, nullable=False),
        sa.Column("rule_version", sa.Text, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("levels", JSONB, nullable=False, comment="people at the levels 0 to 3"),
        sa.Column("mismatched", sa.Integer, nullable=False),
        sa.Column("first_valid_from", sa.Date),
        sa.Column("last_valid_from", sa.Date),
        sa.Column("crossings", sa.Integer, nullable=False),
        sa.Column("climbers", sa.Integer, nullable=False),
        sa.Column("refused", JSONB, nullable=False, comment="how many lines for each reason"),
        sa.Column("bad_rows", JSONB, nullable=False, comment="line and reason of the first thousand; never what stood in them"),
        sa.Column("repeats", sa.Uuid, comment="the import that read the same content before"),
        sa.PrimaryKeyConstraint("id", name="pk_risk_import"),
        sa.UniqueConstraint("number", name="uq_risk_import_number"),
    )
    is_first = sa.text("repeats IS NULL")
    op.create_index("uq_risk_import_digest_rule_version", "risk_import", ["digest", "rule_version"], unique=True, postgresql_where=is_first)
