"""The unit of work of a batch: identity map, deferred writes, autoflush, prefetched rows; SQLAlchemy's `Session` for frozen values.

A deferred write waits for the first statement that touches its table, or for the end of the transaction. Writes to one
table keep their order; equal statements that follow each other go to the server in one round trip. A versioned write
checks its row: a row that was changed or deleted elsewhere raises VersionConflict.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from shared.kernel.errors import VersionConflict
from shared.persistence.bulk_insert import BulkInsert
from shared.persistence.statements import Connection, Statement


class Lookup(Protocol):
    """A prefetched lookup; see `prefetch.PrefetchedLookup`."""

    tables: frozenset[str]


@dataclass(frozen=True, slots=True)
class VersionStep:
    """The versions of an aggregate before and after a write."""

    id: UUID
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive writes by one statement. Only the update of an aggregate has a step."""

    statement: Statement
    rows: list[list[Any]] = field(default_factory=list)
    steps: list[VersionStep] = field(default_factory=list)


class WriteBatch:
    """The state of one batch on its connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._deferred: dict[str, list[_Run]] = {}
        self._identity_maps: dict[str, dict[UUID, Any]] = {}
        self._prefetched: dict[Lookup, dict[Any, Any]] = {}
        self._supplies: dict[object, list[Any]] = {}
        self._locks: set[str] = set()

    def identity_map(self, table: str) -> dict[UUID, Any]:
        """The aggregates of a table that this transaction has locked or created; None where it found no row."""
        return self._identity_maps.setdefault(table, {})

    def prefetched(self, lookup: "Lookup") -> dict[Any, Any]:
        """The values of a lookup that are known in this batch, by key."""
        return self._prefetched.setdefault(lookup, {})

    def supply(self, supply: object) -> list[Any]:
        """The values that this batch has drawn and not yet used."""
        return self._supplies.setdefault(supply, [])

    def new_locks(self, names: Sequence[str]) -> list[str]:
        """Returns the names of advisory locks that this transaction does not hold yet, and records them as held."""
        new = [name for name in dict.fromkeys(names) if name not in self._locks]
        self._locks.update(new)
        return new

    def defer(self, statement: Statement, values: Mapping[str, Any]) -> None:
        """Defers a write that may affect any row of its table, and drops the known rows of that table."""
        self._drop(statement)
        self._run(statement).rows.append(statement.arguments(values))

    def defer_versioned(self, statement: Statement, values: Mapping[str, Any], step: VersionStep) -> None:
        """Defers the write of one aggregate. An update returns the id of its row.

        An insert returns nothing: a second row of the id raises UniqueViolationError.
        """
        run = self._run(statement)
        run.rows.append(statement.arguments(values))
        if step.before:
            run.steps.append(step)

    async def autoflush(self, statement: Statement) -> None:
        """Sends the deferred writes to the tables that `statement` touches. Raises VersionConflict."""
        for table in statement.tables & self._deferred.keys():
            await self._flush(table)
        if statement.writes is not None:
            self._drop(statement)

    async def flush(self) -> None:
        """Sends every deferred write. Raises VersionConflict."""
        for table in list(self._deferred):
            await self._flush(table)

    def _run(self, statement: Statement) -> _Run:
        runs = self._deferred.setdefault(str(statement.writes), [])
        if not runs or runs[-1].statement is not statement:
            runs.append(_Run(statement))
        return runs[-1]

    def _drop(self, statement: Statement) -> None:
        self._identity_maps.pop(str(statement.writes), None)
        for lookup in [each for each in self._prefetched if statement.writes in each.tables]:
            del self._prefetched[lookup]

    async def _flush(self, table: str) -> None:
        for run in self._deferred.pop(table):
            if run.steps:
                rows: list[asyncpg.Record] = await self._connection.fetchmany(run.statement.sql, run.rows)
                _require_all(run.steps, [row["id"] for row in rows])
            elif len(run.rows) > 1 and isinstance(run.statement, BulkInsert) and run.statement.has_distinct_keys(run.rows):
                await self._connection.execute(run.statement.bulk_sql, *run.statement.columns(run.rows))
            else:
                await self._connection.executemany(run.statement.sql, run.rows)


def _require_all(steps: Sequence[VersionStep], written: Sequence[UUID]) -> None:
    """The server returns rows in the order of the writes. Raises VersionConflict for the first write that found no row."""
    for step, row_id in zip_longest(steps, written):
        if row_id != step.id:
            raise VersionConflict(f"The resource {step.id}", step.before, step.after)
