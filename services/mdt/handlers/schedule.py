"""The diary fills itself: meetings exist four weeks ahead, and further where a case needs one."""

from datetime import date, datetime, timedelta

from services.mdt.domain import meeting as domain
from services.mdt.domain.meeting import AgendaSlot, Meeting, Slot
from services.mdt.store import case as case_store
from services.mdt.store.meeting import lock_diary, meetings
from services.mdt.store.tables import Tx

_ONE_WEEK = timedelta(weeks=1)


async def ensure_meetings(*, tx: Tx) -> None:
    """This week and the next four have their meeting; safe to repeat, from several processes at once."""
    await lock_diary(tx)
    for ahead in range(tx.policy.weeks_ahead + 1):
        await _meeting_of(tx, _this_week(tx) + ahead * _ONE_WEEK)


async def find_slot(tx: Tx, *, is_urgent: bool) -> AgendaSlot:
    """The first place on an agenda that a new case can have. The caller has locked the diary."""
    week = _this_week(tx)
    while True:
        meeting = await _meeting_of(tx, week)
        if meeting:
            taken = await case_store.agenda_usage(tx, meeting.id)
            slot = domain.free_slot(meeting, taken, is_urgent=is_urgent, now=tx.now, policy=tx.policy)
            if slot:
                return AgendaSlot(meeting.id, meeting.starts_at, slot)
        week += _ONE_WEEK


async def next_slot(tx: Tx, *, after: datetime) -> AgendaSlot:
    """A place at the meeting after that instant, full or not: whoever was deferred is not pushed back again.

    The caller has locked the diary.
    """
    week = _this_week(tx)
    while True:
        meeting = await _meeting_of(tx, week)
        if meeting and domain.is_coming(meeting, max(after, tx.now)):
            return AgendaSlot(meeting.id, meeting.starts_at, Slot.ORDINARY)
        week += _ONE_WEEK


async def _meeting_of(tx: Tx, week: date) -> Meeting | None:
    """The meeting of a week, scheduled if need be; None when its time has passed without one."""
    found = await meetings.find(tx, domain.meeting_id(week))
    if found:
        return found
    decision = domain.schedule(week, policy=tx.policy)
    return await meetings.save(tx, decision) if decision.state.starts_at > tx.now else None


def _this_week(tx: Tx) -> date:
    return domain.week_of(tx.policy.day_of(tx.now))
