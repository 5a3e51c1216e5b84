"""Cases get onto agendas, and from one to the next. Whoever lists has locked the diary first."""

from collections.abc import Sequence

from services.mdt.domain import case as domain
from services.mdt.domain.agenda import cap
from services.mdt.domain.case import CASE, Case, Occurrence
from services.mdt.domain.meeting import Meeting
from services.mdt.handlers.schedule import find_slot, next_slot
from services.mdt.store.agenda import items_of
from services.mdt.store.case import cases, listed_cases
from services.mdt.store.tables import Tx


async def roll_over(tx: Tx, meeting: Meeting, reason: str) -> None:
    """Every case that still stands on this agenda moves to the next meeting, with its priority."""
    await _move_on(tx, meeting, await listed_cases(tx, meeting.id), reason)


async def cap_agenda(tx: Tx, meeting: Meeting) -> int:
    """The meeting has so many places and they go by rank (G54); whoever has none moves on. Gives how many stay."""
    capped = cap(await items_of(tx, await listed_cases(tx, meeting.id)), now=tx.now, policy=tx.policy)
    for case in capped.urgent:
        await cases.save(tx, domain.keep_as_urgent(case))
    await _move_on(tx, meeting, capped.outranked, "outranked")
    return len(capped.ordinary) + len(capped.urgent)


async def list_for_review(tx: Tx, case: Case | None) -> None:
    """The case stands on an agenda again; one that waits there already keeps its place."""
    if case and case.status in CASE[Occurrence.REVIEW_DUE].sources:
        await cases.save(tx, domain.list_for_review(case, await find_slot(tx, is_urgent=case.is_urgent)))


async def _move_on(tx: Tx, meeting: Meeting, moving: Sequence[Case], reason: str) -> None:
    if not moving:
        return
    place = await next_slot(tx, after=meeting.starts_at)
    for case in moving:
        await cases.save(tx, domain.roll_over(case, reason, place))
