"""What the platform's tables keep only for a while, and its removal in portions that hold up nobody.

Never removed here: the event log (`care prune-log` does that), the audit, what waits (outbox, parked, pending deadlines), and of the
inbox the events that travel on restricted topics, which are sent again however old.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.contracts.registry import registry
from shared.persistence.database import Database

_PORTION = 5_000

#: Months of the event log that are made before they begin.
PARTITIONS_AHEAD = 2
#: Longer than what Kafka keeps of an ordinary topic, all of which a new cluster is sent again.
MIN_LOG_RETENTION = timedelta(days=15)
#: As long as the record of an adult's care: eight years (NHS Records Management Code of Practice).
LOG_RETENTION = timedelta(days=2922)

_ANSWERS = """
DELETE FROM idempotency WHERE ctid IN (SELECT ctid FROM idempotency WHERE created_at < clock_timestamp() - $1::interval LIMIT $2)"""
_APPLIED = """
DELETE FROM inbox WHERE event_id IN (
    SELECT event_id FROM inbox WHERE applied_at < clock_timestamp() - $1::interval AND type <> ALL($3::text[])
    ORDER BY applied_at LIMIT $2)"""
_SETTLED = """
DELETE FROM deadline WHERE id IN (
    SELECT id FROM deadline WHERE state IN ('fired', 'cancelled', 'refused') AND resolved_at < $3::timestamptz - $1::interval LIMIT $2)"""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """For how long. `applied` must be longer than anything may be sent again, or it would be applied again."""

    idempotency_keys: timedelta = timedelta(days=7)
    inbox: timedelta = timedelta(days=400)
    fired_deadlines: timedelta = timedelta(days=90)


DEFAULT_RETENTION = RetentionPolicy()


async def remove_expired(database: Database[Any], keep: RetentionPolicy) -> int:
    """Says how many rows that were."""
    restricted = [event.TYPE for event in registry().values() if event.RESTRICTED]
    async with database.transaction() as tx:
        now = tx.now
    removed = await _remove(database, _ANSWERS, keep.idempotency_keys)
    removed += await _remove(database, _APPLIED, keep.inbox, restricted)
    return removed + await _remove(database, _SETTLED, keep.fired_deadlines, now)


async def create_partitions(database: Database[Any]) -> int:
    """Makes what the event log needs of this month and the next ones, and says how many that were."""
    async with database.transaction() as tx:
        made: int = await tx.driver.fetchval("SELECT create_partitions($1)", PARTITIONS_AHEAD)
    return made


async def _remove(database: Database[Any], statement: str, older: timedelta, *more: Any) -> int:
    removed, last = 0, _PORTION
    while last == _PORTION:
        async with database.transaction() as tx:
            done = await tx.driver.execute(statement, older, _PORTION, *more)
        last = int(done.removeprefix("DELETE "))
        removed += last
    return removed
