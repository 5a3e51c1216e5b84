"""Deadlines that have come. Acting on one and settling it are one transaction: fired once, late or not, or not at all.

Whoever acts takes the aggregate's lock first and the deadline's at the end, as commands do that cancel deadlines, so
that the two wait for each other and never deadlock. Timekeepers of one context take turns.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.clock import Clock
from shared.persistence.statements import ReadSession
from shared.persistence.transaction import Transaction

_TURN = "hashtext('deadline scheduler ' || current_schema())"
_TAKE_TURN = f"SELECT pg_advisory_xact_lock({_TURN})"
_TRY_TURN = f"SELECT pg_try_advisory_xact_lock({_TURN})"
_DUE = """
SELECT id, subject, kind, due_at, correlation_id FROM deadline
WHERE state = 'pending' AND due_at <= $1 AND id <> ALL($3::bigint[]) ORDER BY due_at, id LIMIT $2"""
_IS_PENDING = "SELECT EXISTS (SELECT FROM deadline WHERE id = $1 AND state = 'pending')"
_SETTLE = """
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
    """A deadline that has come."""

    id: int
    subject: UUID
    kind: str
    due_at: datetime
    correlation_id: UUID
    late_by: timedelta


@dataclass(frozen=True, slots=True)
class ParkedDeadline:
    """A deadline that waits for an operator: `reason` is the kind of problem that its handler had."""

    id: int
    subject: UUID
    kind: str
    due_at: datetime
    correlation_id: UUID
    reason: str


class DeadlineCancelled(Exception):
    """A deadline was cancelled while its handler ran: what the handler did must not be committed."""


async def due(tx: Transaction[Any], most: int, besides: Collection[int] = ()) -> list[DueDeadline]:
    """The deadlines that have come, oldest first, without those whose ids are in `besides`; none while another timekeeper is at it."""
    if not await tx.driver.fetchval(_TRY_TURN):
        return []
    rows = await tx.driver.fetch(_DUE, tx.now, most, list(besides))
    return [DueDeadline(**row, late_by=tx.now - row["due_at"]) for row in rows]


async def is_pending(tx: Transaction[Any], deadline: DueDeadline) -> bool:
    """Waits for other timekeepers first."""
    await tx.driver.execute(_TAKE_TURN)
    found: bool = await tx.driver.fetchval(_IS_PENDING, deadline.id)
    return found


async def resolve(tx: Transaction[Any], deadlines: Sequence[DueDeadline], state: str = "fired", reason: str | None = None) -> None:
    """Raises CancelledMeanwhile."""
    done = await tx.driver.execute(_SETTLE, [deadline.id for deadline in deadlines], state, tx.now, reason)
    if done != f"UPDATE {len(deadlines)}":
        raise DeadlineCancelled


async def parked(reader: ReadSession) -> list[ParkedDeadline]:
    """All that wait for an operator, oldest first."""
    return [ParkedDeadline(**row) for row in await reader.driver.fetch(_PARKED)]


async def replay(tx: Transaction[Any], deadline_id: int | None = None) -> int:
    """Makes a parked deadline pending again, or without an id all of them; says how many. The worker acts on them at once."""
    done = await tx.driver.execute(_REPLAY, deadline_id)
    return int(done.removeprefix("UPDATE "))


async def next_in(reader: ReadSession, clock: Clock, besides: Collection[int]) -> timedelta | None:
    """How long until the next one comes, not above zero if it has come; without those whose ids are in `besides`."""
    now = await clock.now(reader.driver)
    due_at: datetime | None = await reader.driver.fetchval(_NEXT, list(besides))
    return due_at - now if due_at else None
