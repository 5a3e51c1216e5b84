"""The tables that every context has, in their first version, for the first migration of each context."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA, JSONB

from infra.deploy.migrations import audit_v1, event_log_v1, practices_v1, retention_v1

INSTANT = sa.DateTime(timezone=True)
REAL_TIME = sa.text("clock_timestamp()")


def create() -> None:
    event_log_v1.create()
    _relay()
    _arrivals()
    _deadlines()
    _requests()
    audit_v1.create()
    retention_v1.create()
    _break_glass()
    practices_v1.create()
    op.create_table(
        "clock_offset", sa.Column("delta", sa.Interval, nullable=False), sa.PrimaryKeyConstraint("delta", name="pk_clock_offset")
    )
    op.execute("INSERT INTO clock_offset VALUES ('0')")


def _relay() -> None:
    op.create_table(
        "relay_state",
        sa.Column("cluster_id", sa.Text, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False, server_default=REAL_TIME),
        sa.PrimaryKeyConstraint("cluster_id", name="pk_relay_state"),
    )


def _arrivals() -> None:
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("applied_at", INSTANT, nullable=False, server_default=REAL_TIME),
        sa.Column("refused_code", sa.Text),
        sa.PrimaryKeyConstraint("event_id", name="pk_inbox"),
    )
    op.create_index("ix_inbox_applied_at", "inbox", ["applied_at"])
    op.create_table(
        "parked",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("key", BYTEA),
        sa.Column("value", BYTEA),
        sa.Column("headers", BYTEA, nullable=False),
        sa.Column("digest", BYTEA, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("parked_at", INSTANT, nullable=False, server_default=REAL_TIME),
        sa.Column("counts_as_failure", sa.Boolean, nullable=False),
        sa.Column("blocks_key", sa.Boolean, nullable=False),
        sa.Column("is_authentic", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_parked"),
        sa.UniqueConstraint("digest", name="uq_parked_digest"),
    )
    op.create_index("ix_parked_key", "parked", ["key"])


def _deadlines() -> None:
    op.create_table(
        "deadline",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="pending"),
        sa.Column("resolved_at", INSTANT),
        sa.Column("late_by_ms", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_deadline"),
    )
    is_live = sa.text("state IN ('pending', 'parked')")
    op.create_index("uq_deadline_live", "deadline", ["subject", "kind", "due_at"], unique=True, postgresql_where=is_live)
    op.create_index("ix_deadline_due", "deadline", ["due_at"], postgresql_where=sa.text("state = 'pending'"))
    op.create_index("ix_deadline_parked", "deadline", ["due_at"], postgresql_where=sa.text("state = 'parked'"))


def _requests() -> None:
    op.create_table(
        "idempotency",
        sa.Column("caller", sa.Text, nullable=False, comment="issuer, organisation and subject"),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("fingerprint", BYTEA, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", JSONB),
        sa.Column("body", BYTEA),
        sa.Column("event_keys", sa.ARRAY(sa.Uuid)),
        sa.Column("created_at", INSTANT, nullable=False, server_default=REAL_TIME),
        sa.PrimaryKeyConstraint("caller", "key", name="pk_idempotency"),
    )


def _break_glass() -> None:
    op.create_table(
        "break_glass",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("actor_id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("explanation", sa.Text, nullable=False),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("review_by", INSTANT, nullable=False),
        sa.Column("overdue_since", INSTANT),
        sa.Column("reviewed_at", INSTANT),
        sa.Column("reviewed_by", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_break_glass"),
    )
    op.create_index("ix_break_glass_person_id", "break_glass", ["person_id"])
    op.create_index("ix_break_glass_begun_at_id", "break_glass", ["begun_at", "id"])
