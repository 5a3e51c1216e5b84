"""What only the owner does to the event logs: remove months that are older than they are kept for, and send a part of them again.

Invariant: no month goes that holds an unsent event, or a day that Kafka may still be asked for.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import asyncpg

from infra.contexts import CONTEXTS
from infra.dev_stack.stack_state import endpoints
from infra.errors import StackError
from infra.operations.retention_settings import configured_retention
from shared.persistence.retention import LOG_RETENTION, MIN_LOG_RETENTION

_PORTION = 10_000
_MONTHS = """
SELECT inhrelid::regclass::text AS name, to_date(right(relname, 7), 'YYYY_MM') AS first
FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = CAST($1 AS regclass) AND relname ~ '^event_[0-9]{4}_[0-9]{2}$' ORDER BY relname"""
#: Whoever puts a row into the outbox holds the log too, and is waited for here. The outbox must not be locked as well: a writer whose
#: statement is prepared locks it before the log, so both would wait in a circle.
_LOCK = "SET LOCAL lock_timeout = '3s'; LOCK TABLE {context}.event"
#: Rows are not removed while others are sent again: each would see the other's rows as they were.
_TURN = "SELECT pg_advisory_xact_lock(hashtext('rows of the log of ' || $1))"
_HAS_UNSENT = "SELECT EXISTS (SELECT FROM {context}.outbox JOIN {month} USING (seq))"
_NOTE = "INSERT INTO {context}.log_pruning (before) VALUES ($1) ON CONFLICT DO NOTHING"
_STRAY = """
DELETE FROM {context}.event_default WHERE partition_day < $1 AND NOT EXISTS (SELECT FROM {context}.outbox WHERE outbox.seq = event_default.seq)"""
_SUPERSEDED = """
DELETE FROM {context}.event_permanent AS old WHERE recorded_at < $1
AND EXISTS (SELECT FROM {context}.event_permanent AS newer
            WHERE newer.subject = old.subject AND newer.topic = old.topic AND newer.sequence > old.sequence)
AND NOT EXISTS (SELECT FROM {context}.outbox WHERE outbox.seq = old.seq)"""
_AGAIN = """
WITH portion AS (
    SELECT seq FROM {context}.event WHERE seq > $1 AND recorded_at >= $2 AND (partition_day >= $3 OR partition_day = 'infinity')
    AND ($4::text IS NULL OR topic = $4) ORDER BY seq LIMIT $5),
again AS (INSERT INTO {context}.outbox (seq) SELECT seq FROM portion ON CONFLICT DO NOTHING)
SELECT count(*) AS events, max(seq) AS last FROM portion"""


@dataclass(frozen=True, slots=True)
class Month:
    """A partition, and the first day that lies in it."""

    name: str
    first: date

    @property
    def end(self) -> date:
        """The first day that no longer lies in it."""
        return (self.first + timedelta(days=31)).replace(day=1)


@dataclass(slots=True)
class PruneResult:
    """Months that are gone, those that hold something unsent, and how many single rows went with them."""

    removed: list[str] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)
    rows: int = 0


def expired(months: Sequence[Month], today: date, keep: timedelta) -> list[Month]:
    """Those of which no day is younger than `keep`."""
    return [month for month in months if month.end <= today - keep]


async def prune(name: str, days: int | None) -> PruneResult:
    """Of all contexts; without a number, what is older than a record of care is kept."""
    async with _owner(name) as owner:
        return await prune_logs(owner, LOG_RETENTION if days is None else timedelta(days=days))


async def prune_logs(owner: "asyncpg.Connection[asyncpg.Record]", keep: timedelta) -> PruneResult:
    """Raises StackError for a time that Kafka's horizon needs."""
    if keep < MIN_LOG_RETENTION:
        raise StackError(f"The log is sent to a new Kafka cluster again: it is kept for {MIN_LOG_RETENTION.days} days at least.")
    now: datetime = await owner.fetchval("SELECT now()")
    result = PruneResult()
    for context in CONTEXTS:
        months = [Month(row["name"], row["first"]) for row in await owner.fetch(_MONTHS, f"{context}.event")]
        for month in expired(months, now.date(), keep):
            gone = await _remove(owner, context, month)
            (result.removed if gone else result.unsent).append(month.name)
        result.rows += await _remove_rows(owner, context, now - keep)
    return result


async def republish(context: str, name: str, since: datetime, topic: str | None = None) -> int:
    """Puts a part of a context's log back into its outbox.

    Raises StackError when the product's own consumers would take it as new, Misconfigured.
    """
    if context not in CONTEXTS:
        raise StackError(f"There is no context “{context}”; there are {', '.join(CONTEXTS)}.")
    applied = configured_retention().inbox
    async with _owner(name) as owner:
        if since < await owner.fetchval("SELECT now()") - applied:
            raise StackError(f"Consumers remember for {applied.days} days what they applied: what is older they would apply again.")
        return await republish_log(owner, context, since, topic)


async def republish_log(owner: "asyncpg.Connection[asyncpg.Record]", context: str, since: datetime, topic: str | None = None) -> int:
    total, last = 0, 0
    while last is not None:
        async with owner.transaction():
            await owner.execute(_TURN, context)
            (row,) = await owner.fetch(_AGAIN.format(context=context), last, since, since.date(), topic, _PORTION)
        total, last = total + row["events"], row["last"]
    return total


async def _remove(owner: "asyncpg.Connection[asyncpg.Record]", context: str, month: Month) -> bool:
    """Whether it could go. Raises asyncpg.LockNotAvailableError when somebody is at work for long: nothing is changed then."""
    async with owner.transaction():
        await owner.execute(_LOCK.format(context=context))
        if await owner.fetchval(_HAS_UNSENT.format(context=context, month=month.name)):
            return False
        await owner.execute(_NOTE.format(context=context), month.end)
        await owner.execute(f"DROP TABLE {month.name}")
    return True


async def _remove_rows(owner: "asyncpg.Connection[asyncpg.Record]", context: str, before: datetime) -> int:
    """What no month was made for, and what was superseded where the log is kept whole."""
    async with owner.transaction():
        await owner.execute(_TURN, context)
        stray = await owner.execute(_STRAY.format(context=context), before.date())
        superseded = await owner.execute(_SUPERSEDED.format(context=context), before)
        rows = sum(int(done.removeprefix("DELETE ")) for done in (stray, superseded))
        if rows:
            await owner.execute(_NOTE.format(context=context), before.date())
    return rows


@asynccontextmanager
async def _owner(name: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    owner = await asyncpg.connect(endpoints(name).database_url, server_settings={"timezone": "UTC"})
    try:
        yield owner
    finally:
        await owner.close()
