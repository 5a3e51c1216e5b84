"""The tables that every context has in its schema: the event log, and the tables that support its guarantees.

`event` is append-only and partitioned by month (docs/adr/0026). Its unique constraints hold within a day, and without limit for restricted
topics. Across days the row lock of the aggregate keeps its sequence unique. A row of `outbox` is an unpublished event; a row that stays
indicates a fault. A row of `inbox` records that an event was applied, or why it was refused. `practice` is reference data that
`care reference load` writes; every context resolves the code of a practice itself, so that all agree on the day of a closing.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, INT8MULTIRANGE, JSONB

INSTANT = sa.DateTime(timezone=True)
REAL_TIME = sa.text("clock_timestamp()")
TODAY = sa.text("(clock_timestamp() AT TIME ZONE 'UTC')::date")
#: The columns of an entry of the audit, all of which its hash covers.
AUDIT_COLUMNS = (
    "id", "recorded_at", "database_role", "at", "issuer", "actor_id", "actor_org", "actor_role", "actor_system", "action", "subject",
    "version", "trace_id", "basis", "refusal", "times",
)  # fmt: skip


def add_shared_tables(metadata: sa.MetaData) -> None:
    """Adds the tables that every context has to its metadata."""
    _event_log(metadata)
    _publication(metadata)
    _arrivals(metadata)
    _deadlines(metadata)
    _requests(metadata)
    _audit(metadata)
    _practices(metadata)
    break_glass_table(metadata)


def metadata() -> sa.MetaData:
    """Empty metadata with the naming convention of constraints, set once for every context."""
    return sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def _event_log(metadata: sa.MetaData) -> None:
    sa.Table(
        "event",
        metadata,
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("key", sa.Uuid, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False, server_default=REAL_TIME, comment="real time, not the clock of care"),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("causation_id", sa.Uuid),
        sa.Column("actor_org", sa.Text, nullable=False),
        sa.Column("actor_role", sa.Text, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("data", BYTEA, nullable=False, comment="as published: JSON, or the JWE of a restricted event"),
        sa.Column("data_key", BYTEA, comment="wrapped key of a restricted event; null once it was erased, and for a public event"),
        sa.Column(
            "partition_day",
            sa.Date,
            primary_key=True,
            server_default=TODAY,
            comment="the day of recording; infinity for events without an end of retention",
        ),
        sa.UniqueConstraint("id", "partition_day", name="uq_event_id"),
        sa.UniqueConstraint("subject", "topic", "sequence", "partition_day", name="uq_event_subject_topic_sequence_partition_day"),
        sa.Index("ix_event_correlation_id", "correlation_id"),
        postgresql_partition_by="RANGE (partition_day)",
        comment="Append-only event log, partitioned by month; the source of every republication.",
    )


def _publication(metadata: sa.MetaData) -> None:
    sa.Table(
        "outbox",
        metadata,
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        comment="Events that Kafka has not yet acknowledged, in the order of the log.",
    )
    sa.Table(
        "log_pruning",
        metadata,
        sa.Column("before", sa.Date, primary_key=True, comment="months that ended before this day may be pruned"),
        sa.Column("at", INSTANT, nullable=False, server_default=REAL_TIME),
        comment="The days before which months of the event log may have been pruned.",
    )
    sa.Table(
        "relay_state",
        metadata,
        sa.Column("cluster_id", sa.Text, primary_key=True),
        sa.Column("seen_at", INSTANT, nullable=False, server_default=REAL_TIME),
        comment="The Kafka clusters that the relay has published to.",
    )


def _arrivals(metadata: sa.MetaData) -> None:
    sa.Table(
        "inbox",
        metadata,
        sa.Column("event_id", sa.Uuid, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("applied_at", INSTANT, nullable=False, server_default=REAL_TIME),
        sa.Column("refused_code", sa.Text, comment="the code of the rule that refused the event; null when applied"),
        sa.Index("ix_inbox_applied_at", "applied_at"),
        comment="Ids of the events that this context applied or refused.",
    )
    sa.Table(
        "parked",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("key", BYTEA),
        sa.Column("value", BYTEA),
        sa.Column("headers", BYTEA, nullable=False, comment="JSON: name and base64 value of each, in order"),
        sa.Column(
            "digest",
            BYTEA,
            nullable=False,
            unique=True,
            comment="SHA-256 of topic, key, value and headers: a record parks once, at any offset",
        ),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("parked_at", INSTANT, nullable=False, server_default=REAL_TIME),
        sa.Column(
            "counts_as_failure",
            sa.Boolean,
            nullable=False,
            comment="towards the stop of the consumer: the first of its key, and not acknowledged",
        ),
        sa.Column(
            "blocks_key", sa.Boolean, nullable=False, comment="later records of the key are parked behind it; false when undecodable"
        ),
        sa.Column("is_authentic", sa.Boolean, nullable=False, comment="false for a forged, altered or moved record"),
        sa.Index("ix_parked_key", "key"),
        comment="Kafka records that could not be applied, complete, with the records behind them.",
    )


def _deadlines(metadata: sa.MetaData) -> None:
    sa.Table(
        "deadline",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="pending", comment="pending, fired, cancelled, refused or parked"),
        sa.Column("resolved_at", INSTANT, comment="by the clock of care"),
        sa.Column("late_by_ms", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.Index("uq_deadline_live", "subject", "kind", "due_at", unique=True, postgresql_where=sa.text("state IN ('pending', 'parked')")),
        sa.Index("ix_deadline_due", "due_at", postgresql_where=sa.text("state = 'pending'")),
        sa.Index("ix_deadline_parked", "due_at", postgresql_where=sa.text("state = 'parked'")),
        comment="Deadlines of all kinds: pending, fired, cancelled, refused or parked.",
    )
    sa.Table(
        "clock_offset",
        metadata,
        sa.Column("delta", sa.Interval, nullable=False, primary_key=True),
        comment="Offset of the clock of care, for development only.",
    )


def _requests(metadata: sa.MetaData) -> None:
    sa.Table(
        "idempotency",
        metadata,
        sa.Column("caller", sa.Text, primary_key=True, comment="issuer, organisation and subject"),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", BYTEA, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", JSONB),
        sa.Column("body", BYTEA, comment="the JWE of the response, which may contain personal data; null once it was erased"),
        sa.Column("event_keys", sa.ARRAY(sa.Uuid), comment="the keys of the events of the request: the persons whom it concerned"),
        sa.Column("created_at", INSTANT, nullable=False, server_default=REAL_TIME),
        comment="Stored responses by caller and Idempotency-Key; a command with If-Match is its own key.",
    )


def _audit(metadata: sa.MetaData) -> None:
    sa.Table(
        "audit",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("recorded_at", INSTANT, nullable=False, server_default=REAL_TIME, comment="real time, stamped by the database"),
        sa.Column("database_role", sa.Text, nullable=False, server_default=sa.text("SESSION_USER"), comment="stamped by the database"),
        sa.Column("at", INSTANT, nullable=False, comment="by the clock of care"),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("actor_id", sa.Text, nullable=False),
        sa.Column("actor_org", sa.Text, nullable=False),
        sa.Column("actor_role", sa.Text, nullable=False),
        sa.Column("actor_system", sa.Text, comment="the supplier's system that acted for the professional"),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Uuid, comment="the person or the aggregate; null for a refused request that names none"),
        sa.Column("version", sa.Integer),
        sa.Column("trace_id", sa.Text),
        sa.Column("basis", sa.Text, comment="code of what permitted it: a relationship, the reason of a break-glass"),
        sa.Column("refusal", sa.Text, comment="code of the problem; null when the request was answered"),
        sa.Column("times", sa.Integer, nullable=False, server_default="1", comment="number of refused requests that the entry stands for"),
        sa.Index("ix_audit_subject", "subject"),
        comment="Append-only record of every change and every read about a person; the function append_audit alone inserts rows.",
    )
    sa.Table(
        "audit_unsealed",
        metadata,
        sa.Column("id", sa.BigInteger, nullable=False),
        comment="Committed entries of the audit that no block has yet.",
    )
    sa.Table(
        "audit_block",
        metadata,
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("entries", INT8MULTIRANGE, nullable=False, comment="numbers of the sealed entries"),
        sa.Column("hashes", BYTEA, nullable=False, comment="SHA-256 of each entry, in the order of the numbers"),
        sa.Column("sealed_at", INSTANT, nullable=False),
        sa.Column("head", BYTEA, nullable=False, comment="SHA-256 of this block and the head before"),
        sa.Column("signature", BYTEA, nullable=False, comment="Ed25519, by the key of the sealer"),
        sa.Column("key_id", sa.Text, nullable=False),
        comment="The chain of the audit: each block seals entries, and all blocks before it.",
    )


def _practices(metadata: sa.MetaData) -> None:
    sa.Table(
        "practice",
        metadata,
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("locality", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("telephone", sa.Text, nullable=False),
        sa.Column("valid_from", sa.Date, primary_key=True),
        sa.Column("valid_until", sa.Date, comment="the first day on which the entry is no longer valid"),
        sa.Column("successor", sa.Text, index=True, comment="the practice that takes over on that day"),
        sa.Column("source", sa.Text, nullable=False),
        comment="GP practices of the borough, each entry valid between two days, with the successor of a practice that closed.",
    )


def break_glass_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "break_glass",
        metadata,
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("person_id", sa.Uuid, nullable=False, index=True),
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
        sa.Column("reviewed_by", sa.Text, comment="issuer, organisation and subject"),
        sa.Column("outcome", sa.Text),
        sa.Index("ix_break_glass_begun_at_id", "begun_at", "id"),
        comment="Acts that opened a person for a time, whatever they share, with their reviews.",
    )
