"""Due deadlines. Firing one and resolving it are one transaction: each fires exactly once, on time or late.

A transaction locks the aggregate first and the deadline at the end, as commands that cancel deadlines do. So the two never deadlock. The
schedulers of one context take turns under an advisory lock.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.clock import Clock
from shared.persistence.statements import ReadSession
from shared.persistence.transaction import Transaction

_LOCK_KEY = "hashtext('deadline scheduler ' || current_schema())"
_LOCK = f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"
_TRY_LOCK = f"SELECT pg_try_advisory_xact_lock({_LOCK_KEY})"
_DUE = """
SELECT id, subject, kind, due_at, correlation_id FROM deadline
WHERE state = 'pending' AND due_at <= $1 AND id <> ALL($3::bigint[]) ORDER BY due_at, id LIMIT $2"""
_IS_PENDING = "SELECT EXISTS (SELECT FROM deadline WHERE id = $1 AND state = 'pending')"
_RESOLVE = """
UPDATE deadline SET state = $2, resolved_at = $3, reason = $4,
    late_by_ms = (extract(epoch FROM $3 - due_at) * 1000)::bigint
WHERE id = ANY($1::bigint[]) AND state = 'pending'"""
_PARKED = "SELECT id, subject, kind, due_at, correlation_id, reason FROM deadline WHERE state = 'parked' ORDER BY due_at, id"
_REPLAY = """
UPDATE deadline SET state = 'pending', resolved_at = NULL, late_by_ms = NULL, reason = NULL
WHERE state = 'parked' AND (id = $1 OR $1::bigint IS NULL)"""
_NEXT = "SELECT due_at FROM deadline WHERE state = 'pending' AND id <> ALL($1::bigint[]) ORDER BY due_at LIMIT 1"


@dataclass(frozen=True, slots=True)
class DueDeadline:
    """A deadline that is due."""

    id: int
    subject: UUID
    kind: str
    due_at: datetime
    correlation_id: UUID
    late_by: timedelta


@dataclass(frozen=True, slots=True)
class ParkedDeadline:
    """A deadline that waits for an operator; `reason` is the class of its handler's error."""

    id: int
    subject: UUID
    kind: str
    due_at: datetime
    correlation_id: UUID
    reason: str


class DeadlineCancelled(Exception):
    """The deadline was cancelled while its handler ran; the handler's changes must not be committed."""


async def due(tx: Transaction[Any], limit: int, without: Collection[int] = ()) -> list[DueDeadline]:
    """The due deadlines, oldest first, except the ids in `without`; none while another scheduler fires."""
    if not await tx.driver.fetchval(_TRY_LOCK):
        return []
    rows = await tx.driver.fetch(_DUE, tx.now, limit, list(without))
    return [DueDeadline(**row, late_by=tx.now - row["due_at"]) for row in rows]


async def is_pending(tx: Transaction[Any], deadline: DueDeadline) -> bool:
    """Whether the deadline is pending. Waits until no other scheduler fires."""
    await tx.driver.execute(_LOCK)
    found: bool = await tx.driver.fetchval(_IS_PENDING, deadline.id)
    return found


async def resolve(tx: Transaction[Any], deadlines: Sequence[DueDeadline], state: str = "fired", reason: str | None = None) -> None:
    """Raises DeadlineCancelled."""
    done = await tx.driver.execute(_RESOLVE, [deadline.id for deadline in deadlines], state, tx.now, reason)
    if done != f"UPDATE {len(deadlines)}":
        raise DeadlineCancelled


async def parked(reader: ReadSession) -> list[ParkedDeadline]:
    """The parked deadlines, oldest first."""
    return [ParkedDeadline(**row) for row in await reader.driver.fetch(_PARKED)]


async def replay(tx: Transaction[Any], deadline_id: int | None = None) -> int:
    """Makes one parked deadline pending again, or all without an id; returns their number. The worker fires them at once."""
    done = await tx.driver.execute(_REPLAY, deadline_id)
    return int(done.removeprefix("UPDATE "))


async def next_in(reader: ReadSession, clock: Clock, without: Collection[int]) -> timedelta | None:
    """The time until the next deadline, without the ids in `without`; zero or negative when one is due."""
    now = await clock.now(reader.driver)
    due_at: datetime | None = await reader.driver.fetchval(_NEXT, list(without))
    return due_at - now if due_at else None
