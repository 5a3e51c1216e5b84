"""The audit in its first version: a table that only its own function fills, the queue of the sealer, and the chain.

`append_audit` runs with the rights of a role without a login, to which `care migrate` gives it. A caller states who did what to which
object; the number of the row, the time of the database and the role of the session are stamped by the columns' defaults.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA, INT8MULTIRANGE

INSTANT = sa.DateTime(timezone=True)
REAL_TIME = sa.text("clock_timestamp()")

#: The only way into the table. It qualifies its tables: a caller's search path and temporary tables have no effect.
_APPEND = """
CREATE FUNCTION append_audit(
    at timestamptz[], issuer text[], actor_id text[], actor_org text[], actor_role text[], actor_system text[], action text[],
    subject uuid[], version integer[], trace_id text[], basis text[], refusal text[], times integer[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH written AS (
        INSERT INTO {context}.audit (
            at, issuer, actor_id, actor_org, actor_role, actor_system, action, subject, version, trace_id, basis, refusal, times)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id)
    INSERT INTO {context}.audit_unsealed SELECT id FROM written;
END $$"""


def create() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False, server_default=REAL_TIME),
        sa.Column("database_role", sa.Text, nullable=False, server_default=sa.text("SESSION_USER")),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("actor_id", sa.Text, nullable=False),
        sa.Column("actor_org", sa.Text, nullable=False),
        sa.Column("actor_role", sa.Text, nullable=False),
        sa.Column("actor_system", sa.Text),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Uuid),
        sa.Column("version", sa.Integer),
        sa.Column("trace_id", sa.Text),
        sa.Column("basis", sa.Text),
        sa.Column("refusal", sa.Text),
        sa.Column("times", sa.Integer, nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_table("audit_unsealed", sa.Column("id", sa.BigInteger, nullable=False))
    op.create_table(
        "audit_block",
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("entries", INT8MULTIRANGE, nullable=False),
        sa.Column("hashes", BYTEA, nullable=False),
        sa.Column("sealed_at", INSTANT, nullable=False),
        sa.Column("head", BYTEA, nullable=False),
        sa.Column("signature", BYTEA, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_block"),
    )
    op.execute(_APPEND.format(context=op.get_bind().scalar(sa.text("SELECT current_schema()"))))
    op.execute("REVOKE ALL ON FUNCTION append_audit FROM PUBLIC")
