"""Deadlines that have come. A row is claimed, acted on and settled in one transaction: fired once, late or not, or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.persistence.statements import Reader
from shared.persistence.transaction import Transaction

_CLAIM = """
SELECT id, subject, kind, due_at, correlation_id FROM timer
WHERE state = 'pending' AND due_at <= $1 ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED"""
_SETTLE = """
UPDATE timer SET state = $2, settled_at = $3, reason = $4,
    late_by_ms = (extract(epoch FROM $3 - due_at) * 1000)::bigint
WHERE id = ANY($1::bigint[])"""
_NEXT = "SELECT min(due_at) FROM timer WHERE state = 'pending'"


@dataclass(frozen=True, slots=True)
class Timer:
    """A deadline that has come."""

    id: int
    subject: UUID
    kind: str
    due_at: datetime
    correlation_id: UUID
    late_by: timedelta


async def claim_due(tx: Transaction[Any], most: int) -> list[Timer]:
    """Locks the due deadlines, oldest first; whoever cancels one waits until it is settled."""
    rows = await tx.connection.fetch(_CLAIM, tx.now, most)
    return [Timer(**row, late_by=tx.now - row["due_at"]) for row in rows]


async def settle(tx: Transaction[Any], timers: Sequence[Timer], state: str = "fired", reason: str | None = None) -> None:
    await tx.connection.execute(_SETTLE, [timer.id for timer in timers], state, tx.now, reason)


async def next_due(reader: Reader) -> datetime | None:
    found: datetime | None = await reader.connection.fetchval(_NEXT)
    return found
