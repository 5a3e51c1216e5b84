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

_TURN = "hashtext('timekeeper ' || current_schema())"
_TAKE_TURN = f"SELECT pg_advisory_xact_lock({_TURN})"
_TRY_TURN = f"SELECT pg_try_advisory_xact_lock({_TURN})"
_DUE = """
SELECT id, subject, kind, due_at, correlation_id FROM timer
WHERE state = 'pending' AND due_at <= $1 AND id <> ALL($3::bigint[]) ORDER BY due_at, id LIMIT $2"""
_IS_PENDING = "SELECT EXISTS (SELECT FROM timer WHERE id = $1 AND state = 'pending')"
_SETTLE = """
UPDATE timer SET state = $2, settled_at = $3, reason = $4,
    late_by_ms = (extract(epoch FROM $3 - due_at) * 1000)::bigint
WHERE id = ANY($1::bigint[]) AND state = 'pending'"""
_PARKED = "SELECT id, subject, kind, due_at, correlation_id, reason FROM timer WHERE state = 'parked' ORDER BY due_at, id"
_REPLAY = """
UPDATE timer SET state = 'pending', settled_at = NULL, late_by_ms = NULL, reason = NULL
WHERE state = 'parked' AND (id = $1 OR $1::bigint IS NULL)"""
_NEXT = "SELECT due_at FROM timer WHERE state = 'pending' AND id <> ALL($1::bigint[]) ORDER BY due_at LIMIT 1"


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
class ParkedTimer:
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
    if not await tx.connection.fetchval(_TRY_TURN):
        return []
    rows = await tx.connection.fetch(_DUE, tx.now, most, list(besides))
    return [DueDeadline(**row, late_by=tx.now - row["due_at"]) for row in rows]


async def is_pending(tx: Transaction[Any], timer: DueDeadline) -> bool:
    """Waits for other timekeepers first."""
    await tx.connection.execute(_TAKE_TURN)
    found: bool = await tx.connection.fetchval(_IS_PENDING, timer.id)
    return found


async def resolve(tx: Transaction[Any], timers: Sequence[DueDeadline], state: str = "fired", reason: str | None = None) -> None:
    """Raises CancelledMeanwhile."""
    done = await tx.connection.execute(_SETTLE, [timer.id for timer in timers], state, tx.now, reason)
    if done != f"UPDATE {len(timers)}":
        raise DeadlineCancelled


async def parked(reader: ReadSession) -> list[ParkedTimer]:
    """All that wait for an operator, oldest first."""
    return [ParkedTimer(**row) for row in await reader.connection.fetch(_PARKED)]


async def replay(tx: Transaction[Any], timer_id: int | None = None) -> int:
    """Makes a parked deadline pending again, or without an id all of them; says how many. The worker acts on them at once."""
    done = await tx.connection.execute(_REPLAY, timer_id)
    return int(done.removeprefix("UPDATE "))


async def next_in(reader: ReadSession, clock: Clock, besides: Collection[int]) -> timedelta | None:
    """How long until the next one comes, not above zero if it has come; without those whose ids are in `besides`."""
    now = await clock.now(reader.connection)
    due_at: datetime | None = await reader.connection.fetchval(_NEXT, list(besides))
    return due_at - now if due_at else None
