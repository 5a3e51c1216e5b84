"""The event log in its first version: a table with monthly partitions, and one partition without retention.

`partition_day` is the day of recording, or infinity for an event of a restricted topic, which is republished at any age. Every role of the
context may create partitions through `create_partitions`; only the owner may drop them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA

INSTANT = sa.DateTime(timezone=True)
REAL_TIME = sa.text("clock_timestamp()")

#: Events without a monthly partition are stored in `event_default` and move when their partition is created. The function runs with the
#: owner's rights and qualifies every table: a caller's temporary table would be found first, and its triggers would run as the owner.
_CREATE_PARTITIONS = """
CREATE FUNCTION create_partitions(ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {context}, pg_temp AS $$
DECLARE
    first date;
    month text;
    made integer := 0;
BEGIN
    IF ahead > 12 THEN
        RAISE EXCEPTION 'at most twelve months may be created ahead' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('months ' || current_schema()));
    FOR later IN 0..ahead LOOP
        first := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + make_interval(months => later);
        month := to_char(first, '"{context}.event_"YYYY_MM');
        CONTINUE WHEN to_regclass(month) IS NOT NULL;
        EXECUTE format('CREATE TABLE %s (LIKE {context}.event INCLUDING DEFAULTS)', month);
        EXECUTE format(
            'WITH moved AS (DELETE FROM {context}.event_default WHERE partition_day >= %L AND partition_day < %L RETURNING *)'
            ' INSERT INTO %s SELECT * FROM moved',
            first, first + interval '1 month', month);
        EXECUTE format(
            'ALTER TABLE {context}.event ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', month, first, first + interval '1 month');
        made := made + 1;
    END LOOP;
    RETURN made;
END $$"""


def create() -> None:
    op.create_table(
        "event",
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("key", sa.Uuid, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False, server_default=REAL_TIME),
        sa.Column("correlation_id", sa.Uuid, nullable=False),
        sa.Column("causation_id", sa.Uuid),
        sa.Column("actor_org", sa.Text, nullable=False),
        sa.Column("actor_role", sa.Text, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("data", BYTEA, nullable=False),
        sa.Column("data_key", BYTEA),
        sa.Column("partition_day", sa.Date, nullable=False, server_default=sa.text("(clock_timestamp() AT TIME ZONE 'UTC')::date")),
        sa.PrimaryKeyConstraint("seq", "partition_day", name="pk_event"),
        sa.UniqueConstraint("id", "partition_day", name="uq_event_id"),
        sa.UniqueConstraint("subject", "topic", "sequence", "partition_day", name="uq_event_subject_topic_sequence_partition_day"),
        postgresql_partition_by="RANGE (partition_day)",
    )
    op.create_index("ix_event_correlation_id", "event", ["correlation_id"])
    op.execute("CREATE TABLE event_permanent PARTITION OF event FOR VALUES FROM ('infinity') TO (MAXVALUE)")
    op.execute("CREATE TABLE event_default PARTITION OF event DEFAULT")
    op.execute(_CREATE_PARTITIONS.format(context=op.get_bind().scalar(sa.text("SELECT current_schema()"))))
    op.execute("REVOKE ALL ON FUNCTION create_partitions FROM PUBLIC")
    op.create_table("outbox", sa.Column("seq", sa.BigInteger, nullable=False), sa.PrimaryKeyConstraint("seq", name="pk_outbox"))
    op.create_table(
        "log_pruning",
        sa.Column("before", sa.Date, nullable=False),
        sa.Column("at", INSTANT, nullable=False, server_default=REAL_TIME),
        sa.PrimaryKeyConstraint("before", name="pk_log_pruning"),
    )
