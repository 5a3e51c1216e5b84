"""Moves cases between agendas. The caller has locked the diary."""

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
    """Moves every case that is still listed to the next meeting, with its priority."""
    await _move_on(tx, meeting, await listed_cases(tx, meeting.id), reason)


async def cap_agenda(tx: Tx, meeting: Meeting) -> int:
    """Keeps the highest-ranked cases within capacity and moves the others on (G54). Returns the number of cases that stay."""
    capped = cap(await items_of(tx, await listed_cases(tx, meeting.id)), now=tx.now, policy=tx.policy)
    for case in capped.urgent:
        await cases.save(tx, domain.keep_as_urgent(case))
    await _move_on(tx, meeting, capped.outranked, "outranked")
    return len(capped.ordinary) + len(capped.urgent)


async def list_for_review(tx: Tx, case: Case | None) -> None:
    """Lists the case for its plan's review. A case that is listed already keeps its slot."""
    if case and case.status in CASE[Occurrence.REVIEW_DUE].sources:
        await cases.save(tx, domain.list_for_review(case, await find_slot(tx, is_urgent=case.is_urgent)))


async def _move_on(tx: Tx, meeting: Meeting, moving: Sequence[Case], reason: str) -> None:
    if not moving:
        return
    slot = await next_slot(tx, after=meeting.starts_at)
    for case in moving:
        await cases.save(tx, domain.roll_over(case, reason, slot))
