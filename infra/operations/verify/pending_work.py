"""Pending work, which is no contradiction while the services run: the count of each kind, and the age of the oldest item."""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from infra.contexts import CONTEXTS

#: A head of the audit is recorded about once a second, after everything else.
_UNPUBLISHED = """
SELECT count(*), coalesce(extract(epoch FROM now() - min(recorded_at)), 0)::float8
FROM {context}.outbox JOIN {context}.event USING (seq)
WHERE topic NOT LIKE '%.audit' OR recorded_at < now() - interval '1 minute'"""
_OVERDUE = """
SELECT count(*), coalesce(extract(epoch FROM now() + min(delta) - min(due_at)), 0)::float8
FROM {context}.deadline, {context}.clock_offset WHERE state = 'pending' AND due_at <= now() + delta"""
_PARKED = "SELECT (SELECT count(*) FROM {context}.parked) + (SELECT count(*) FROM {context}.deadline WHERE state = 'parked')"


@dataclass(frozen=True, slots=True)
class Backlog:
    count: int
    oldest_seconds: float


#: By kind, such as `mdt unpublished`.
PendingWork = Mapping[str, Backlog]


async def pending_in_databases(owner: "asyncpg.Connection[asyncpg.Record]") -> PendingWork:
    """Counts unpublished events and overdue deadlines."""
    found = {}
    for context in CONTEXTS:
        for name, query in (("unpublished", _UNPUBLISHED), ("overdue", _OVERDUE)):
            row = await owner.fetchrow(query.format(context=context))
            if row and row[0]:
                found[f"{context} {name}"] = Backlog(row[0], max(round(row[1], 1), 0))
    return found


async def parked_counts(owner: "asyncpg.Connection[asyncpg.Record]") -> Mapping[str, int]:
    """Counts parked records and deadlines, by context."""
    counts = {context: await owner.fetchval(_PARKED.format(context=context)) for context in CONTEXTS}
    return {context: count for context, count in counts.items() if count}
