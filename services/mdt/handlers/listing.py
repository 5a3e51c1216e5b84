"""Cases get onto agendas, and from one to the next. Whoever lists has locked the diary first."""

from services.mdt.domain import case as domain
from services.mdt.domain.case import CASE, Case, Occurrence
from services.mdt.domain.meeting import Meeting
from services.mdt.handlers.diary import find_place, next_place
from services.mdt.store.case import cases, listed_cases
from services.mdt.store.tables import Tx


async def roll_over(tx: Tx, meeting: Meeting, reason: str) -> None:
    """Every case that still stands on this agenda moves to the next meeting, with its priority."""
    place = await next_place(tx, after=meeting.starts_at)
    for case in await listed_cases(tx, meeting.id):
        await cases.save(tx, domain.roll_over(case, reason, place))


async def list_for_review(tx: Tx, case: Case | None) -> None:
    """The case stands on an agenda again; one that waits there already keeps its place."""
    if case and case.status in CASE[Occurrence.REVIEW_DUE].sources:
        await cases.save(tx, domain.list_for_review(case, await find_place(tx, is_urgent=case.is_urgent)))
