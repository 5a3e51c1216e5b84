"""Events published since the last reading, and the delay after which each other context had applied them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from infra.contexts import CONTEXTS

#: Both instants are PostgreSQL's own commit times of the two transactions (track_commit_timestamp).
_SINCE = """
SELECT seq, id, causation_id, type, occurred_at, pg_xact_commit_timestamp(xmin) AS committed_at
FROM {context}.event WHERE seq > $1 AND topic NOT LIKE '%.audit' ORDER BY seq"""
_APPLIED = "SELECT event_id, pg_xact_commit_timestamp(xmin) AS applied_at FROM {context}.inbox WHERE event_id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class ObservedEvent:
    """An event; `applied` has the context and the milliseconds after the commit, for each subscribed context."""

    type: str
    occurred_at: datetime
    committed_at: datetime
    applied: Sequence[tuple[str, float]]
    id: UUID
    cause: UUID | None


class Observer:
    """Reads the event logs and inboxes of all contexts as the owner of the database."""

    def __init__(self, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._owner = owner
        self._read = dict.fromkeys(CONTEXTS, 0)

    async def new_events(self) -> list[ObservedEvent]:
        """The events since the last call, in the order of their commits, each after its cause."""
        async with self._owner.transaction(isolation="repeatable_read", readonly=True):  # no effect is read without its cause
            rows = [row for context in CONTEXTS for row in await self._new(context)]
            applied = await self._applied([row["id"] for row in rows])
        return causes_first([_observed(row, applied.get(row["id"], [])) for row in rows])

    async def _new(self, context: str) -> list[asyncpg.Record]:
        rows = await self._owner.fetch(_SINCE.format(context=context), self._read[context])
        if rows:
            self._read[context] = rows[-1]["seq"]
        return rows

    async def _applied(self, ids: list[object]) -> dict[object, list[tuple[str, datetime]]]:
        found: dict[object, list[tuple[str, datetime]]] = {}
        for context in CONTEXTS:
            for row in await self._owner.fetch(_APPLIED.format(context=context), ids):
                found.setdefault(row["event_id"], []).append((context, row["applied_at"]))
        return found


def causes_first(events: Sequence[ObservedEvent]) -> list[ObservedEvent]:
    """By commit time. An event with an earlier commit time than its cause, which a step of the machine's clock makes, follows its cause."""
    waiting, ordered = sorted(events, key=lambda each: each.committed_at), []
    while waiting:
        unlisted = {each.id for each in waiting}
        following = next((each for each in waiting if each.cause not in unlisted), waiting[0])
        waiting.remove(following)
        ordered.append(following)
    return ordered


def _observed(row: asyncpg.Record, applied: list[tuple[str, datetime]]) -> ObservedEvent:
    delays = _delays(row["committed_at"], applied)
    return ObservedEvent(row["type"], row["occurred_at"], row["committed_at"], delays, row["id"], row["causation_id"])


def _delays(committed_at: datetime, applied: list[tuple[str, datetime]]) -> list[tuple[str, float]]:
    return [(context, (at - committed_at).total_seconds() * 1000) for context, at in applied]
