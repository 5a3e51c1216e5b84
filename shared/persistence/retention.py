"""Retention of the shared tables, and deletion of expired rows in portions that block no other transaction.

The housekeeper never deletes the event log (see `care prune-log`), the audit, or waiting rows (outbox, parked, pending deadlines). It keeps
inbox rows of restricted topics, whose events are republished at any age.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.contracts.registry import registry
from shared.persistence.database import Database

_PORTION = 5_000

#: Monthly partitions of the event log that are created in advance.
PARTITIONS_AHEAD = 2
#: Kafka's retention of a record, which infra/kafka/topics.yaml declares for each topic. The relay republishes this much to a new cluster.
KAFKA_RETENTION = timedelta(days=14)
#: The event log must outlast Kafka's retention, because a new cluster is refilled from it.
MIN_LOG_RETENTION = KAFKA_RETENTION + timedelta(days=1)
#: The inbox must outlast Kafka's retention, or a republished event would be applied twice.
MIN_INBOX_RETENTION = MIN_LOG_RETENTION
#: As long as the record of an adult's care: eight years (NHS Records Management Code of Practice).
LOG_RETENTION = timedelta(days=2922)

# An array of row addresses leaves the planner one way: with stale statistics a join would compare every row with every other.
_IDEMPOTENCY_KEYS = """
WITH removed AS (
    DELETE FROM idempotency WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM idempotency WHERE created_at < now() - $1::interval LIMIT $2)) RETURNING key)
SELECT count(*) FROM removed"""
#: The role of a context may delete no row of these two tables; the functions keep what must stay.
_INBOX = "SELECT remove_expired_inbox($1::interval, $2::integer, $3::text[])"
_DEADLINES = "SELECT remove_ended_deadlines($3::timestamptz - $1::interval, $2::integer)"


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """The inbox must outlast every republication, or an event would be applied twice."""

    idempotency_keys: timedelta = timedelta(days=7)
    inbox: timedelta = timedelta(days=400)
    fired_deadlines: timedelta = timedelta(days=90)


DEFAULT_RETENTION = RetentionPolicy()


async def remove_expired(database: Database[Any], retention: RetentionPolicy) -> int:
    """Returns the number of deleted rows."""
    restricted = [event.TYPE for event in registry().values() if event.RESTRICTED]
    async with database.transaction() as tx:
        now = tx.now
    removed = await _remove(database, _IDEMPOTENCY_KEYS, retention.idempotency_keys)
    removed += await _remove(database, _INBOX, retention.inbox, restricted)
    return removed + await _remove(database, _DEADLINES, retention.fired_deadlines, now)


async def create_partitions(database: Database[Any]) -> int:
    """Creates the missing partitions of this month and the next ones; returns how many."""
    async with database.transaction() as tx:
        made: int = await tx.driver.fetchval("SELECT create_partitions($1)", PARTITIONS_AHEAD)
    return made


async def _remove(database: Database[Any], statement: str, older: timedelta, *more: Any) -> int:
    removed, last = 0, _PORTION
    while last == _PORTION:
        async with database.transaction() as tx:
            last = await tx.driver.fetchval(statement, older, _PORTION, *more)
        removed += last
    return removed
