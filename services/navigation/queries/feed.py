"""Entries of feeds, by sequence and by position."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter

from services.navigation.domain.feed import Change
from services.navigation.domain.task import Status
from services.navigation.store.feed import FEED, FEED_ENTRY
from shared.contracts.codes import TaskKind
from shared.kernel.errors import RuleBroken
from shared.persistence.statements import ReadSession, Statement


@dataclass(frozen=True, slots=True)
class SequencedEntry:
    """One entry of a feed, with its sequence in the feed and its position in all feeds."""

    navigator_id: str
    sequence: int
    at: datetime
    change: Change
    task_id: UUID
    person_id: UUID
    kind: TaskKind
    status: Status
    due_at: datetime
    position: int


class CursorBeyondEnd(RuleBroken):
    """The cursor lies beyond the last entry of the feed."""

    code = "cursor-beyond-end"
    advice = "Read the work list again and follow the feed from `feed_cursor` or `feed_sequence` of the navigator."


_ENTRY = TypeAdapter(SequencedEntry)
_AFTER = Statement(
    sa.select(FEED_ENTRY)
    .where(FEED_ENTRY.c.navigator_id == sa.bindparam("navigator_id"), FEED_ENTRY.c.sequence > sa.bindparam("after", type_=sa.BigInteger))
    .order_by(FEED_ENTRY.c.sequence)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_SINCE = Statement(
    sa.select(FEED_ENTRY)
    .where(FEED_ENTRY.c.position > sa.bindparam("position", type_=sa.BigInteger))
    .order_by(FEED_ENTRY.c.position)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_LAST = Statement(sa.select(sa.func.coalesce(sa.func.max(FEED_ENTRY.c.position), 0)))
_NEWEST = Statement(sa.select(FEED).where(FEED.c.navigator_id == sa.any_(sa.bindparam("navigator_ids", type_=sa.ARRAY(sa.Text)))))


async def entries(reader: ReadSession, navigator_id: str, *, after: int, limit: int) -> list[SequencedEntry]:
    rows = await reader.fetch(_AFTER, navigator_id=navigator_id, after=after, limit=limit)
    return [_ENTRY.validate_python(dict(row)) for row in rows]


async def since(reader: ReadSession, position: int, *, limit: int) -> list[SequencedEntry]:
    """The entries of all feeds after a position."""
    return [_ENTRY.validate_python(dict(row)) for row in await reader.fetch(_SINCE, position=position, limit=limit)]


async def last_position(reader: ReadSession) -> int:
    found: int = await reader.fetch_value(_LAST)
    return found


async def newest(reader: ReadSession, navigator_ids: Sequence[str]) -> dict[str, int]:
    """The sequence of the newest entry of each feed that has one."""
    rows = await reader.fetch(_NEWEST, navigator_ids=list(navigator_ids))
    return {row["navigator_id"]: row["sequence"] for row in rows}


async def require_reached(reader: ReadSession, navigator_id: str, sequence: int) -> None:
    """Raises CursorBeyondEnd. Every feed has reached 0."""
    if sequence and sequence > (await newest(reader, [navigator_id])).get(navigator_id, 0):
        raise CursorBeyondEnd(f"The feed ends before the sequence {sequence}.")
