"""Metrics that a scrape reads from the context's database."""

from typing import Any

from shared.persistence.transaction import Transaction
from shared.telemetry import metrics

_STATE = """
SELECT (SELECT count(*) FROM outbox) AS depth,
       (SELECT extract(epoch FROM clock_timestamp() - recorded_at) FROM event WHERE seq = (SELECT min(seq) FROM outbox)) AS age,
       (SELECT extract(epoch FROM clock_timestamp() - recorded_at) FROM audit WHERE id = (SELECT min(id) FROM audit_unsealed)) AS unsealed,
       (SELECT count(*) FROM parked WHERE is_authentic) + (SELECT count(*) FROM deadline WHERE state = 'parked') AS parked,
       (SELECT count(*) FROM parked WHERE NOT is_authentic) AS unauthentic,
       least((SELECT min(due_at) FROM deadline WHERE state = 'pending'),
             (SELECT min(due_at) FROM deadline WHERE state = 'parked')) AS next_due,
       (SELECT count(*) FROM break_glass WHERE reviewed_at IS NULL) AS unreviewed,
       (SELECT count(*) FROM break_glass WHERE reviewed_at IS NULL AND overdue_since IS NOT NULL) AS overdue_reviews,
       (SELECT count(*) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'event'::regclass AND relname ~ '^event_[0-9]' AND relname > to_char(now(), '"event_"YYYY_MM')) AS months_ahead"""


async def read_gauges(tx: Transaction[Any], context: str) -> None:
    """A parked deadline has not fired: it counts as overdue."""
    row = await tx.driver.fetchrow(_STATE)
    if row is not None:
        metrics.OUTBOX_EVENTS.labels(context).set(row["depth"])
        metrics.OUTBOX_AGE.labels(context).set(row["age"] or 0)
        metrics.AUDIT_UNSEALED_AGE.labels(context).set(row["unsealed"] or 0)
        metrics.PARKED.labels(context).set(row["parked"])
        metrics.UNAUTHENTIC.labels(context).set(row["unauthentic"])
        metrics.BREAK_GLASS_UNREVIEWED.labels(context).set(row["unreviewed"])
        metrics.BREAK_GLASS_OVERDUE.labels(context).set(row["overdue_reviews"])
        metrics.LOG_PARTITIONS_AHEAD.labels(context).set(row["months_ahead"])
        late = (tx.now - row["next_due"]).total_seconds() if row["next_due"] else 0
        metrics.DEADLINE_OVERDUE.labels(context).set(max(late, 0))
