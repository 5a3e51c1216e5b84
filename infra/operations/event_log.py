"""Prunes the event logs and republishes parts of them; both need the owner of the database.

Invariant: pruning drops no partition that contains an unpublished event or a day that a new Kafka cluster would be refilled from.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import asyncpg

from infra.contexts import CONTEXTS
from infra.database_owner import Owner, connected_owner
from infra.deploy.topics import declarations
from infra.dev_stack.stack_state import endpoints
from infra.errors import StackError
from shared.contracts.event import producer_of
from shared.deployment import RetentionSettings, read
from shared.persistence.retention import LOG_RETENTION, MIN_LOG_RETENTION

_PORTION = 10_000
_MONTHS = """
SELECT inhrelid::regclass::text AS name, to_date(right(relname, 7), 'YYYY_MM') AS first
FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = CAST($1 AS regclass) AND relname ~ '^event_[0-9]{4}_[0-9]{2}$' ORDER BY relname"""
#: A writer of the outbox holds a lock on the event log too, so this lock waits for it. Locking the outbox as well could deadlock: a writer
#: with a prepared statement locks the outbox before the log.
_LOCK = "SET LOCAL lock_timeout = '3s'; LOCK TABLE {context}.event"
#: Serialises pruning of rows and republication: each would see the rows of the other in their old state.
_LOG_LOCK = "SELECT pg_advisory_xact_lock(hashtext('rows of the log of ' || $1))"
_HAS_UNPUBLISHED = "SELECT EXISTS (SELECT FROM {context}.outbox JOIN {month} USING (seq))"
_RECORD_PRUNING = "INSERT INTO {context}.log_pruning (before) VALUES ($1) ON CONFLICT DO NOTHING"
_DELETE_FROM_DEFAULT = """
DELETE FROM {context}.event_default AS old WHERE partition_day < $1
AND NOT EXISTS (SELECT FROM {context}.outbox WHERE outbox.seq = old.seq)"""
_DELETE_SUPERSEDED = """
DELETE FROM {context}.event_permanent AS old WHERE recorded_at < $1
AND EXISTS (SELECT FROM {context}.event_permanent AS newer
            WHERE newer.subject = old.subject AND newer.topic = old.topic AND newer.sequence > old.sequence)
AND NOT EXISTS (SELECT FROM {context}.outbox WHERE outbox.seq = old.seq)"""
_REQUEUE = """
WITH portion AS (
    SELECT seq FROM {context}.event WHERE seq > $1 AND recorded_at >= $2 AND (partition_day >= $3 OR partition_day = 'infinity')
    AND ($4::text IS NULL OR topic = $4) ORDER BY seq LIMIT $5),
again AS (INSERT INTO {context}.outbox (seq) SELECT seq FROM portion ON CONFLICT DO NOTHING)
SELECT count(*) AS events, max(seq) AS last FROM portion"""


@dataclass(frozen=True, slots=True)
class Month:
    """A monthly partition and its first day."""

    name: str
    first: date

    @property
    def end(self) -> date:
        """The first day after it."""
        return (self.first + timedelta(days=31)).replace(day=1)


@dataclass(slots=True)
class PruneResult:
    """Dropped partitions, partitions kept for their unpublished events, and the number of rows deleted from other partitions."""

    removed: list[str] = field(default_factory=list)
    unpublished: list[str] = field(default_factory=list)
    rows: int = 0


def expired(months: Sequence[Month], today: date, retention: timedelta) -> list[Month]:
    """Returns the months whose last day is older than `retention`."""
    return [month for month in months if month.end <= today - retention]


async def prune(name: str, days: int | None) -> PruneResult:
    """Prunes the event logs of all contexts after `days`, or after the retention of a care record."""
    async with _owner(name) as owner:
        return await prune_logs(owner, LOG_RETENTION if days is None else timedelta(days=days))


async def prune_logs(owner: "asyncpg.Connection[asyncpg.Record]", retention: timedelta) -> PruneResult:
    """Raises StackError when `retention` is shorter than the republication window of a new Kafka cluster."""
    if retention < MIN_LOG_RETENTION:
        raise StackError(
            f"The retention of the event log is at least {MIN_LOG_RETENTION.days} days: a new Kafka cluster is refilled from it."
        )
    now: datetime = await owner.fetchval("SELECT now()")
    result = PruneResult()
    for context in CONTEXTS:
        months = [Month(row["name"], row["first"]) for row in await owner.fetch(_MONTHS, f"{context}.event")]
        for month in expired(months, now.date(), retention):
            is_dropped = await _drop(owner, context, month)
            (result.removed if is_dropped else result.unpublished).append(month.name)
        result.rows += await _delete_rows(owner, context, now - retention)
    return result


async def republish(context: str, name: str, since: datetime, topic: str | None = None) -> int:
    """Inserts a part of a context's event log into its outbox again, and returns the number of events.

    Raises StackError for a topic of another context, for a future time and when consumers would apply the events twice; ConfigurationError.
    """
    if context not in CONTEXTS:
        raise StackError(f"There is no context “{context}”; there are {', '.join(CONTEXTS)}.")
    published = [each.name for each in declarations() if producer_of(each.name) == context]
    if topic is not None and topic not in published:
        raise StackError(f"The context “{context}” does not publish the topic “{topic}”; it publishes {', '.join(published)}.")
    inbox_retention = read(RetentionSettings).inbox_retention
    async with _owner(name) as owner:
        now: datetime = await owner.fetchval("SELECT now()")
        if since > now:
            raise StackError(f"The time {since:%Y-%m-%d %H:%M:%S} UTC is in the future.")
        if since < now - inbox_retention:
            raise StackError(f"Consumers remember applied events for {inbox_retention.days} days: they would apply older events twice.")
        return await republish_log(owner, context, since, topic)


async def republish_log(owner: "asyncpg.Connection[asyncpg.Record]", context: str, since: datetime, topic: str | None = None) -> int:
    total, last = 0, 0
    while last is not None:
        async with owner.transaction():
            await owner.execute(_LOG_LOCK, context)
            (row,) = await owner.fetch(_REQUEUE.format(context=context), last, since, since.date(), topic, _PORTION)
        total, last = total + row["events"], row["last"]
    return total


async def _drop(owner: "asyncpg.Connection[asyncpg.Record]", context: str, month: Month) -> bool:
    """Returns False for a partition with unpublished events. Raises asyncpg.LockNotAvailableError after three seconds of waiting."""
    async with owner.transaction():
        await owner.execute(_LOCK.format(context=context))
        if await owner.fetchval(_HAS_UNPUBLISHED.format(context=context, month=month.name)):
            return False
        await owner.execute(_RECORD_PRUNING.format(context=context), month.end)
        await owner.execute(f"DROP TABLE {month.name}")
    return True


async def _delete_rows(owner: "asyncpg.Connection[asyncpg.Record]", context: str, before: datetime) -> int:
    """Deletes rows of the default partition, and superseded rows of the partition without retention; returns their number."""
    async with owner.transaction():
        await owner.execute(_LOG_LOCK, context)
        stray = await owner.execute(_DELETE_FROM_DEFAULT.format(context=context), before.date())
        superseded = await owner.execute(_DELETE_SUPERSEDED.format(context=context), before)
        rows = sum(int(status.removeprefix("DELETE ")) for status in (stray, superseded))
        if rows:
            await owner.execute(_RECORD_PRUNING.format(context=context), before.date())
    return rows


def _owner(name: str) -> AbstractAsyncContextManager[Owner]:
    return connected_owner(endpoints(name).database_url, timezone="UTC")
